// Sends a message at an interval, and prints each reply with its delay.
#pragma once

#include <optional>
#include <string>

namespace broadcast_sender {

struct Options {
  std::string to = "255.255.255.255:19999";
  std::string interface;
  std::string message = "Who is there?";
  double interval_seconds = 1;
  std::optional<unsigned> count;
};

/// The exit code: 1 if nothing could be sent.
int call(const Options& options);

}  // namespace broadcast_sender
