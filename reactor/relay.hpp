// Joins two streams: what one receives, the other sends.
#pragma once

#include <memory>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Forwards between two streams in both directions until both have ended. Each side is read only as
/// fast as the other takes the data. The end of one direction (half-close) is passed on while the
/// other continues. When one side is reset or fails otherwise, the relay resets the other one.
///
///     Relay relay(std::move(client), std::move(upstream), [&](const Error& error) { … });
///
/// Lifetime  Owns both streams. Destroying the Relay closes them immediately; a side to which the
///           end of the other one has not been passed on is reset.
/// Thread    The loop's thread only.
/// Cost      No buffer of its own: bytes go from the loop's read buffer into the other socket.
class Relay {
 public:
  /// `on_close` is called once, last: both sides are closed. Its Error is that of the side that
  /// failed first, empty if neither did.
  Relay(Stream first, Stream second, Callback<void(const Error&)> on_close);

  /// Resets both sides when nothing has moved on either of them for `timeout`: no bytes received,
  /// sent or acknowledged. Then on_close gets an Error with the code idle_too_long(). Zero and
  /// max() mean never, as without this call.
  void set_idle_timeout(Loop& loop, Duration timeout);

  Relay(Relay&&) noexcept;
  Relay& operator=(Relay&&) noexcept;
  ~Relay();

 private:
  struct [[gnu::visibility("hidden")]] State;
  std::unique_ptr<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
