#include "reactor/timers.hpp"

#include <limits>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

constexpr int tick_bits = 16;

TimerWheel::Tick tick_at(std::int64_t nanoseconds) {
  return static_cast<TimerWheel::Tick>(nanoseconds) >> tick_bits;
}

// The first tick at which all of `nanoseconds` have passed.
TimerWheel::Tick tick_after(std::int64_t nanoseconds) {
  return nanoseconds > 0 ? tick_at(nanoseconds - 1) + 1 : 0;
}

}  // namespace

Timers::Timers(Poller& poller) : poller_(poller), wheel_(tick_at(clock())) {}

Timers::Nanoseconds Timers::clock() { return sys::steady_now(); }

void Timers::arm(Node& node, Nanoseconds when) {
  // Keeps iteration_time() valid from now on. A timer that has just fired kept it valid until now.
  if (armed_ == 0 && !(in_iteration_ && began_armed_)) armed_since_ = now();
  if (node.linked()) {
    wheel_.remove(node);
  } else {
    ++armed_;
  }
  wheel_.insert(node, tick_after(when));
  if (!in_iteration_) arm_poller();
}

void Timers::disarm(Node& node) {
  if (!node.linked()) return;
  wheel_.remove(node);
  --armed_;
}

bool Timers::is_due_by(TimerWheel::Tick expiry, Nanoseconds when) {
  return expiry <= tick_after(when);
}

bool Timers::advance() {
  wheel_.advance(tick_at(now_));
  return wheel_.first_due() != nullptr;
}

bool Timers::stalled() const {
  // Longer than a thread takes to wake up: between the wait and the clock, the thread did not run.
  constexpr TimerWheel::Tick late = (1'000'000 >> tick_bits) + 1;
  return tick_at(now_) - wheel_.first_due()->expiry > late;
}

Timers::Node* Timers::pop_due() {
  Node* const node = wheel_.pop_due();
  if (node) --armed_;
  return node;
}

bool Timers::poller_is_due(Nanoseconds reached) const {
  return tick_at(reached) >= poller_armed_for_;
}

// The poller may wake the thread too early, but never too late. So a timer that moves to a later
// time, as most do, costs no system call.
void Timers::arm_poller() {
  // The clock never reaches later times.
  constexpr TimerWheel::Tick last = std::numeric_limits<Nanoseconds>::max() >> tick_bits;
  const TimerWheel::Tick next = wheel_.next();
  if (next > last) return;
  if (poller_armed_for_ != TimerWheel::never && now_ != 0 && tick_at(now_) >= poller_armed_for_) {
    poller_armed_for_ = TimerWheel::never;
  }
  if (next >= poller_armed_for_) return;
  poller_armed_for_ = next;
  poller_.arm(static_cast<Nanoseconds>(next << tick_bits));
}

}  // namespace reactor
