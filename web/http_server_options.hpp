// What an HttpServer accepts, keeps and waits for, and what it reports of each response.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/http/message.hpp"
#include "reactor/duration.hpp"
#include "reactor/result.hpp"
#include "reactor/server_options.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// The limits of an HttpServer. The defaults are finite, and safe with unknown clients.
///
///     web::HttpServerOptions options;
///     options.max_body_bytes = 64 * 1024;
///     options.idle_timeout = std::chrono::seconds(10);
///     web::HttpServer server(loop, options);
struct HttpServerOptions {
  HttpServerOptions();

  /// The limits of the decoder: a longer head is answered with 414 or 431.
  protocols::http::Limits limits;
  /// A body that is collected for its handler; a longer one is answered with 413. Bodies that a
  /// handler reads as they arrive are limited by `limits.max_body_bytes` alone.
  std::size_t max_body_bytes = 1024 * 1024;
  /// All bodies that are being collected at the same time; beyond that the response is 503.
  std::size_t max_total_body_bytes = 256 * 1024 * 1024;

  // ---- Time

  /// For the head of a request, from its first byte to its last; then 408.
  reactor::Duration head_timeout = std::chrono::seconds(10);
  /// For the next request; then the connection is closed.
  reactor::Duration idle_timeout = std::chrono::seconds(60);
  /// In this time `least_progress_bytes` more of a body must arrive, else 408, and as many bytes of
  /// a response must be read by the client, else the connection is reset. A handler may take any
  /// time.
  reactor::Duration stall_timeout = std::chrono::seconds(30);
  std::uint64_t least_progress_bytes = 4096;

  /// The value of the field Server of each response; empty: the field is not sent.
  std::string server_name;

  /// The limits of connections. The time limits in it are off, since those above replace them. When
  /// the server is full, a connection without a request makes room for a new one.
  reactor::ServerOptions server;

  /// The most memory that a server with these options takes in user space. `bytes_each` is what the
  /// handlers keep for each connection.
  [[nodiscard]] std::uint64_t most_bytes(std::uint64_t bytes_each = 0) const;

  /// Refuses values that no server can use; HttpServer::listen calls it.
  ///
  /// Errors    invalid_argument, with a hint that names the option; those of ServerOptions::check.
  [[nodiscard]] reactor::Result<void> check(std::string_view endpoint) const;
};

/// A response that is complete, or has failed: for a log.
struct AccessEntry {
  std::string_view peer;    ///< The address of the client, `-` if it is unknown.
  std::string_view method;  ///< As sent, and empty if no request could be read. Method and target
  std::string_view target;  ///< contain no control characters and no blanks, but quotes.
  unsigned char minor_version = 1;
  int status = 0;  ///< 0: the client left before a response was sent.
  /// What went wrong, for the log alone: what a handler threw, why the body was not read.
  std::string_view error;
  reactor::Duration took{};  ///< From the head of the request to the end of the response.
};

}  // namespace web
#pragma GCC visibility pop
