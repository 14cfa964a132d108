// A connection as the commands see it, and what the server counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocols/resp/node.hpp"
#include "samples/kv_server/store.hpp"

namespace kv {

/// What the server knows of a connection.
struct Client {
  std::uint64_t id = 0;
  protocols::resp::Version version = protocols::resp::Version::resp2;
  std::string name = {};
  bool leaves = false;  ///< It sent QUIT.
};

/// Counters for INFO.
struct Statistics {
  std::uint64_t commands = 0;
  std::uint64_t accepted = 0;
  std::size_t clients = 0;
  Time started = {};
};

/// No reply is longer: MGET of many long values is refused.
inline constexpr std::size_t max_reply_bytes = 8 << 20;

}  // namespace kv
