// Timers that are never early.
#pragma once

#include <string_view>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Calls back after a time, once or again and again.
///
///     auto timer = Timer::every(loop, 1s, [] { std::puts("tick"); });
///
/// Never early, not even by a fraction of a millisecond. Late by up to 65.5 microseconds, plus the
/// time that the callbacks before it take. A period counts from the time when the timer was due,
/// not from when it was served, so it does not drift. Periods that were missed completely are
/// skipped. Timers due at the same time fire in the order in which they were started.
///
/// Lifetime  Destroying the Timer, or cancel(), is final: no callback is called after it.
/// Thread    The loop's thread only.
/// Cost      Starting and cancelling take constant time, however many timers there are.
class Timer {
 public:
  using Duration = reactor::Duration;

  /// A timer that is not started. Start it with restart().
  Timer(Loop& loop, Callback<void()> on_expired);

  [[nodiscard]] static Timer after(Loop& loop, Duration delay, Callback<void()> on_expired);
  [[nodiscard]] static Timer every(Loop& loop, Duration period, Callback<void()> on_expired);

  /// Counts `delay` from now, whether or not the timer is running. Less than zero counts as zero;
  /// with the longest Duration it never expires.
  void restart(Duration delay);

  /// Counts `period` from now, again and again.
  void restart_every(Duration period);

  void cancel();

  [[nodiscard]] bool running() const;

  /// The name by which Metrics and watch_slow_callbacks() report it.
  void set_name(std::string_view name);

 private:
  struct [[gnu::visibility("hidden")]] State;

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
