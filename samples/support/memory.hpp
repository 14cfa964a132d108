// How much memory a server can use: the bound that its --help prints.
#pragma once

#include <cstdint>
#include <string>

#include "reactor/server.hpp"
#include "reactor/udp_server.hpp"

namespace samples {

/// In whole MiB, rounded up.
[[nodiscard]] inline std::string mebibytes(std::uint64_t bytes) {
  return std::to_string((bytes >> 20) + (bytes % (1 << 20) != 0)) + " MiB";
}

/// The text of the bound in every --help: the sum, and the `parts` that it consists of.
[[nodiscard]] inline std::string memory_text(std::uint64_t most_bytes, const std::string& parts) {
  return "A thread holds at most " + mebibytes(most_bytes) + " in memory:\n" + parts + ".";
}

/// The bound for a server with `options`; the program keeps a further `bytes_each` for each
/// connection.
[[nodiscard]] inline std::string memory_text(const reactor::ServerOptions& options,
                                             std::uint64_t bytes_each) {
  return memory_text(options.most_bytes(bytes_each),
                     std::to_string(options.connection_limit()) + " connections, each with " +
                         mebibytes(options.max_queued_bytes) + " of output that waits, and\n" +
                         mebibytes(options.max_total_queued_bytes) + " of it for all together");
}

/// The same for a server of datagrams; `bytes_each` is for each session.
[[nodiscard]] inline std::string memory_text(const reactor::UdpServerOptions& options,
                                             std::uint64_t bytes_each) {
  return memory_text(options.most_bytes(bytes_each),
                     std::to_string(options.max_sessions) + " senders, and " +
                         mebibytes(options.socket.max_queued_bytes) + " of output that waits");
}

}  // namespace samples
