// How to connect to a name.
#pragma once

#include <chrono>

#include "reactor/duration.hpp"

namespace reactor::inline v0 {

/// How long Stream::connect tries the addresses of a name, and how soon it tries the next one (RFC
/// 8305, "Happy Eyeballs").
struct ConnectOptions {
  /// The limit for everything: the lookup of the name and every attempt. max(): no limit.
  Duration timeout = std::chrono::seconds(30);
  /// The next address is tried when the previous one has failed, or has not connected for this
  /// long; then both attempts continue in parallel. RFC 8305 section 5 recommends 100 ms to 2 s.
  Duration attempt_delay = std::chrono::milliseconds(250);
  /// The limit for each address. max(): only `timeout` applies.
  Duration attempt_timeout = Duration::max();
};

}  // namespace reactor
