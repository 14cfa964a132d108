// Joins two streams: what one receives, the other sends.
#pragma once

#include <memory>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"

namespace reactor {

/// Forwards between two streams in both directions until both have ended. Each side is read only as
/// fast as the other takes it, and the end of one direction (half-close) is passed on while the
/// other goes on. A side that is reset or fails otherwise makes the relay reset the other one.
///
///     Relay relay(std::move(client), std::move(upstream), [&](const Error& error) { … });
///
/// Lifetime  Owns both streams; destroying the Relay closes them at once, by a reset where the end
///           of the other side has not been passed on.
/// Thread    The loop's thread only.
/// Cost      No buffer of its own: bytes go from the loop's read buffer into the other socket.
class Relay {
 public:
  /// `on_close` is called once, last: both sides are closed, for the Error of the side that failed
  /// first, empty if none did.
  Relay(Stream first, Stream second, Callback<void(const Error&)> on_close);

  /// Resets both sides once nothing has moved on either of them for `timeout`: no bytes received,
  /// sent or acknowledged. on_close then gets an Error with the code idle_too_long(). Zero and max():
  /// never, as without this call.
  void set_idle_timeout(Loop& loop, Duration timeout);

  Relay(Relay&&) noexcept;
  Relay& operator=(Relay&&) noexcept;
  ~Relay();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reactor
