// Waiting for time to pass.
#pragma once

#include <optional>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/waiter.hpp"
#include "reactor/duration.hpp"
#include "reactor/loop.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {

/// What sleep() returns.
class Sleep {
 public:
  using Awaited = void;

  Sleep(Loop& loop, Duration duration) : loop_(loop), duration_(duration) {}

  [[nodiscard]] bool await_ready() const { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter_.wait(task);
    timer_.emplace(Timer::after(loop_, duration_, [this] { waiter_.resume(); }));
  }
  void await_resume() const {}

 private:
  Loop& loop_;
  Duration duration_;
  Waiter waiter_;
  std::optional<Timer> timer_;
};

/// Waits for `duration` from the co_await on, as a Timer does: never less. Less than zero counts as
/// zero: the task continues in a later iteration of the loop, after what is ready now.
///
///     co_await sleep(loop, 100ms);
///
/// Lifetime  Destroying the task cancels the timer.
/// Cost      A Timer.
[[nodiscard]] inline Sleep sleep(Loop& loop, Duration duration) { return {loop, duration}; }

}  // namespace reactor
