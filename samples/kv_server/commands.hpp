// What the server does for each command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/resp/encoder.hpp"
#include "protocols/resp/request.hpp"
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

/// Appends the reply to `out`. The texts of errors are those of redis-server.
void run_command(Store& store, const Statistics& statistics, Client& client,
                 protocols::resp::Words words, std::vector<std::byte>& out);

/// True for a command that a browser sends when a page makes it post to this port.
[[nodiscard]] bool is_http(std::string_view command);

}  // namespace kv
