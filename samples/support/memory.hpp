// How much memory a server can take: the bound that its --help prints.
#pragma once

#include <cstdint>
#include <string>

#include "reactor/server.hpp"

namespace samples {

/// The bound that follows from `options`, in words; `bytes_each` is what the program keeps for each
/// connection besides.
inline std::string memory_text(const reactor::ServerOptions& options, std::uint64_t bytes_each) {
  const auto mebibytes = [](std::uint64_t bytes) {
    return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
  };
  return "A thread holds at most " + mebibytes(options.most_bytes(bytes_each)) +
         " in memory: " + std::to_string(options.connection_limit()) + " connections, each with " +
         mebibytes(options.max_queued_bytes) + " of output that waits, and " +
         mebibytes(options.max_total_queued_bytes) + " of it for all together.";
}

}  // namespace samples
