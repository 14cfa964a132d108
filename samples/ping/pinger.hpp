// Sends echo requests to a host, and prints each reply with its delay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ping {

struct Options {
  std::string host;
  std::optional<std::uint64_t> count;
  double interval_seconds = 1;
  double timeout_seconds = 2;
  bool ipv4 = false;
  bool ipv6 = false;
  bool unprivileged = false;
};

/// Runs until the last request is answered or too old, or a signal arrives. True after any reply.
bool run(const Options& options);

}  // namespace ping
