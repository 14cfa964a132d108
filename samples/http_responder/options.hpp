// The options of the command line, and the limits of a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reactor/tls_context.hpp"

namespace responder {

struct Options {
  std::vector<std::string> endpoints{"127.0.0.1:8080"};
  std::string root;  ///< Empty: routes and the status page are served instead of files.
  bool list = false;
  bool hidden = false;
  bool refuse_links = false;
  bool log = false;
  std::size_t threads = 1;
  double head_timeout = 10;
  double idle_timeout = 60;
  double stall_timeout = 30;
  std::optional<reactor::TlsContext> tls = {};
};

constexpr std::size_t max_head_bytes = 32 * 1024;
constexpr std::size_t read_bytes = 64 * 1024;          ///< One read; the rest of it may be kept.
constexpr std::size_t max_echo_bytes = 1024 * 1024;    ///< A body that is sent back.
constexpr std::size_t write_bytes = 64 * 1024;         ///< Gathered before it is written.
constexpr std::size_t listing_rows_bytes = 16 * 1024;  ///< Of a folder's page, written together.

/// Responses that wait for the client to read.
constexpr std::size_t high_water_bytes = 16 * 1024;

/// The most output in the queue. No new output begins above the high-water mark, and the largest
/// piece that begins below it is an echo.
constexpr std::size_t max_queued_bytes = high_water_bytes + write_bytes + max_echo_bytes + 4096;

/// The most memory of a connection. A connection that is sent the page of a folder has no body to
/// echo, which takes more memory.
constexpr std::size_t max_connection_bytes =
    2 * max_head_bytes + read_bytes + max_echo_bytes + max_queued_bytes;

}  // namespace responder
