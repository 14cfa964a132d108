// How to connect to a name.
#pragma once

#include <chrono>

#include "reactor/duration.hpp"

namespace reactor {

/// How long Stream::connect tries the addresses of a name, and how soon it goes on to the next one
/// (RFC 8305, "Happy Eyeballs").
struct ConnectOptions {
  /// For all of it: the lookup of the name and every attempt. max(): no limit.
  Duration timeout = std::chrono::seconds(30);
  /// The next address is tried when the one before it has failed, or has not connected for this
  /// long; both then go on side by side. RFC 8305 section 5 recommends 100 ms to 2 s.
  Duration attempt_delay = std::chrono::milliseconds(250);
  /// For each address. max(): no limit but `timeout`.
  Duration attempt_timeout = Duration::max();
};

}  // namespace reactor
