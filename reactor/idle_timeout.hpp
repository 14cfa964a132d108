// Idle timeouts that cost only a store for each message.
#pragma once

#include <cstdint>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Calls back when touch() has not been called for a time: for connections that may not stay idle.
///
///     IdleTimeout idle(loop, 30s, [this] { stream.close(); });
///     stream.on_data([this](auto bytes) { idle.touch(); … });
///
/// touch() only stores the time of the loop's iteration. When the timer expires it compares that
/// time, and starts again for what is left. It is never early, counted from the iteration of the
/// last touch(), and as late as a Timer at most. It does not keep the loop running.
///
/// Lifetime  Destroying the IdleTimeout is final: no callback is called after it.
/// Thread    The loop's thread only.
/// Cost      touch() is a load and a store.
class IdleTimeout {
 public:
  using Duration = reactor::Duration;

  /// Starts counting. With the longest Duration it never expires.
  IdleTimeout(Loop& loop, Duration timeout, Callback<void()> on_expired);

  /// Something happened: restarts the time, counted from the beginning of the loop's iteration;
  /// outside an iteration, from the beginning of the last one.
  void touch() { *touched_ = *iteration_time_; }

  /// Restarts with another timeout; also an IdleTimeout that has expired or was cancelled.
  void restart(Duration timeout);

  void cancel();

 private:
  struct [[gnu::visibility("hidden")]] State;

  Handle<State> state_;
  std::int64_t* touched_;
  const std::int64_t* iteration_time_;
};

}  // namespace reactor
#pragma GCC visibility pop
