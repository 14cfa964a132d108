// What all clients share.
#pragma once

#include <chrono>
#include <string_view>

#include "reactor/loop.hpp"
#include "reactor/stream.hpp"

namespace samples {

/// For StreamLimits::discard_timeout of a client: nothing reads what the server still sends after
/// its stream is closed.
inline constexpr std::chrono::seconds time_for_the_rest(1);

/// Connects to `HOST:PORT`, `[::1]:PORT` or `unix:PATH`.
[[nodiscard]] inline reactor::Stream connect(reactor::Loop& loop, std::string_view endpoint) {
  auto stream = reactor::Stream::connect(loop, endpoint);
  stream.set_limits({.discard_timeout = time_for_the_rest});
  return stream;
}

}  // namespace samples
