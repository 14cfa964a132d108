// The timers of a loop, and its time. Internal.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "reactor/platform/poller.hpp"
#include "reactor/timer_wheel.hpp"

namespace reactor::inline v0 {

/// Makes the poller wake the loop for the timer that is due first, and reads the clock once an
/// iteration while any timer is armed.
class Timers {
 public:
  using Nanoseconds = std::int64_t;
  using Node = TimerWheel::Node;

  explicit Timers(Poller& poller);

  /// The steady clock, read now.
  [[nodiscard]] static Nanoseconds clock();
  /// The steady clock, read at most once an iteration.
  Nanoseconds now() {
    if (!in_iteration_ || !now_is_fresh_) now_ = clock();
    now_is_fresh_ = true;
    return now_;
  }
  /// The time at which the current iteration began, always while anything is armed.
  [[nodiscard]] const Nanoseconds& iteration_time() const { return now_; }
  /// How long ago `when` was, a former iteration_time(). Time while nothing was armed does not
  /// count, since iteration_time() did not advance then.
  [[nodiscard]] Nanoseconds known_time_since(Nanoseconds when) {
    return now() - std::max(when, armed_since_);
  }

  /// The node is due once the steady clock has reached `when`, never earlier.
  void arm(Node& node, Nanoseconds when);
  void disarm(Node& node);
  /// Whether a node that is due at `expiry` is due as early as arm(node, when) would make it.
  [[nodiscard]] static bool is_due_by(TimerWheel::Tick expiry, Nanoseconds when);

  // ---- For the iteration

  /// Called when the iteration begins, when its wait is over, and when it ends.
  void enter_iteration() {
    assert(!in_iteration_ && "a loop was run from one of its own callbacks");
    in_iteration_ = true;
  }
  void begin_iteration() {
    now_is_fresh_ = began_armed_ = any_armed();
    if (began_armed_) now_ = clock();
  }
  void end_iteration() {
    if (any_armed()) arm_poller();
    in_iteration_ = false;
  }
  [[nodiscard]] bool in_iteration() const { return in_iteration_; }
  /// In a child that was forked in an iteration: that iteration has ended.
  void leave_iteration() { in_iteration_ = false; }

  [[nodiscard]] bool any_armed() const { return armed_ > 0; }
  /// Advances the wheel to the time of the iteration; true when something is due.
  [[nodiscard]] bool advance();
  /// Whether the first due timer should have been served earlier: the thread did not run.
  [[nodiscard]] bool stalled() const;
  /// Null when nothing more is due. Valid until another node is armed or disarmed.
  [[nodiscard]] Node* pop_due();
  /// Whether the poller should have woken the thread by this time.
  [[nodiscard]] bool poller_is_due(Nanoseconds reached) const;

 private:
  void arm_poller();

  Poller& poller_;
  Nanoseconds now_ = 0;
  bool now_is_fresh_ = false;
  bool in_iteration_ = false;
  bool began_armed_ = false;  // The present iteration: something was armed when it began.
  TimerWheel wheel_;
  std::size_t armed_ = 0;
  Nanoseconds armed_since_ = 0;
  TimerWheel::Tick poller_armed_for_ = TimerWheel::never;
};

}  // namespace reactor
