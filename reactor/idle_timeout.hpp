// Idle timeouts that cost a message nothing but a store.
#pragma once

#include <cstdint>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"

namespace reactor {

/// Calls back once nothing has touched it for a time: for connections that may not stay idle.
///
///     IdleTimeout idle(loop, 30s, [this] { stream.close(); });
///     stream.on_data([this](auto bytes) { idle.touch(); … });
///
/// A touch only notes the time of the loop's iteration; the timer behind it looks at that when it
/// expires, and goes back to sleep for what is left. Never early, counted from the iteration of the
/// last touch, and late by no more than a Timer is. It does not keep the loop running.
///
/// Lifetime  Destroying the IdleTimeout is final: no callback comes after it.
/// Thread    The loop's thread only.
/// Cost      touch() is a load and a store.
class IdleTimeout {
 public:
  using Duration = reactor::Duration;

  /// Starts counting. The longest Duration never ends.
  IdleTimeout(Loop& loop, Duration timeout, Callback<void()> on_expired);

  /// Something happened: counts anew, from the beginning of the loop's iteration; outside of one,
  /// from that of the last.
  void touch() { *touched_ = *iteration_time_; }

  /// Counts anew with another timeout; also starts an IdleTimeout that has expired or was
  /// cancelled.
  void restart(Duration timeout);

  void cancel();

 private:
  struct State;

  Handle<State> state_;
  std::int64_t* touched_;
  const std::int64_t* iteration_time_;
};

}  // namespace reactor
