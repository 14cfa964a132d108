#include "reactor/iteration.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "reactor/duration.hpp"
#include "reactor/metrics.hpp"
#include "reactor/platform/probes.hpp"

namespace reactor::inline v0 {

Iteration::Iteration(Poller& poller, SourceTable& sources, PostQueue& posted, Timers& timers,
                     Calls& calls, Nanoseconds spin)
    : poller_(poller),
      sources_(sources),
      posted_(posted),
      timers_(timers),
      calls_(calls),
      spin_(spin) {}

void Iteration::run(bool wait, const std::atomic<bool>& stopping) {
  timers_.enter_iteration();
  wait_for_events(wait, stopping);
  probe::iteration_begin(event_, events_end_);
  const Nanoseconds began = metrics_ ? begin_measuring() : 0;
  dispatch_events();
  if (!posted_.empty()) run_posted();
  if (timers_.any_armed()) fire_timers();
  if (sources_.any_scheduled()) run_scheduled();
  run_native();
  if (began) metrics_->iterations.add(std::chrono::nanoseconds(Timers::clock() - began));
  probe::iteration_end();
  timers_.end_iteration();
}

[[gnu::cold, gnu::noinline]] void Iteration::leave_out(Step step) {
  if (first_left_ == Step::events) first_left_ = step;
}

bool Iteration::finish_last() {
  if (first_left_ == Step::events) return false;
  timers_.enter_iteration();
  timers_.begin_iteration();
  dispatch_events();
  if (!calls_.interrupted()) {
    const Step from = std::exchange(first_left_, Step::events);
    if (from <= Step::posted) run_posted();
    if (from <= Step::timers) fire_timers();
    if (from == Step::due_timers) fire_due_timers();
    if (from <= Step::scheduled) run_scheduled();
    run_native();
  }
  timers_.end_iteration();
  return true;
}

void Iteration::run_native() {
  if (calls_.interrupted()) [[unlikely]]
    return leave_out(Step::native);
  poller_.run_native();
}

std::int64_t Iteration::begin_measuring() {
  metrics_->ready_events += static_cast<std::size_t>(events_end_ - event_);
  return Timers::clock();
}

bool Iteration::work_left() const {
  return events_left() || sources_.any_scheduled() || !posted_.empty();
}

void Iteration::wait_for_events(bool wait, const std::atomic<bool>& stopping) {
  // An exception may have left events of the last iteration.
  if (!events_left()) {
    wait = wait && may_sleep();
    if (!wait || spin_ <= 0 || !spin(stopping)) poll(wait ? -1 : 0);
    posted_.set_awake(true);
  }
  timers_.begin_iteration();
}

void Iteration::poll(int timeout) {
  const std::span<const Event> events = poller_.wait(timeout);
  event_ = events.data();
  events_end_ = event_ + events.size();
}

bool Iteration::may_sleep() {
  posted_.set_awake(false);
  return !work_left();
}

// Returns false when there is nothing to do but to sleep. Polling consumes a wake-up, so this
// checks everything for which the thread could have been woken.
bool Iteration::spin(const std::atomic<bool>& stopping) {
  const Nanoseconds until = saturating_sum(Timers::clock(), spin_);
  for (;;) {
    poll(0);
    const Nanoseconds reached = Timers::clock();
    if (work_left() || stopping || poller_.native_ready()) return true;
    if (timers_.poller_is_due(reached)) return true;
    if (reached >= until) return false;
  }
}

void Iteration::dispatch_events() {
  const Event* event = event_;
  const Event* const end = events_end_;
  for (; event != end && !calls_.interrupted(); ++event) {
    if (Source* const source = sources_.find(event->token)) [[likely]] {
      source->on_ready(event->happened);
    } else {
      resolve_event(*event);
    }
  }
  event_ = event;
}

// The token belongs to the poller, or to a source that no longer exists.
[[gnu::noinline]] void Iteration::resolve_event(Event event) {
  if (!poller_.resolve(event)) return;
  if (Source* const source = sources_.find(event.token)) source->on_ready(event.happened);
}

void Iteration::run_posted() {
  if (calls_.interrupted()) return leave_out(Step::posted);
  Batch<PostQueue::Task>& tasks = posted_.batch();
  while (!tasks.empty() && !calls_.interrupted()) {
    calls_.run(tasks.front());
    tasks.pop();  // Its captures are destroyed before the next task runs.
    calls_.report_slow_task();
  }
  // One send for all that the tasks of a batch wrote to one stream.
  calls_.flush();
}

void Iteration::fire_timers() {
  if (calls_.interrupted()) return leave_out(Step::timers);
  if (!timers_.advance()) return;
  if (serve_arrivals() || calls_.interrupted()) fire_due_timers();
}

void Iteration::fire_due_timers() {
  if (calls_.interrupted()) return leave_out(Step::due_timers);
  while (!calls_.interrupted()) {
    TimerWheel::Node* const node = timers_.pop_due();
    if (!node) return;
    static_cast<TimerHandle*>(node)->on_expired();
  }
}

// Timers are due. If more may have arrived than the wait of this iteration collected, it is served
// first: a peer is not idle because this loop was busy, or the process stopped. Returns false when
// the timers have to wait.
bool Iteration::serve_arrivals() {
  const bool stalled = timers_.stalled();
  if (!stalled && !poller_.may_have_more(event_)) return true;
  if (!look_again()) return false;
  // Sources that have read only a part are scheduled again.
  constexpr int most_rounds = 16;
  for (int round = 0; stalled && round < most_rounds; ++round) {
    if (!sources_.any_scheduled()) break;
    run_scheduled();
    if (calls_.interrupted()) return false;
  }
  return true;
}

// Ends: the poller reports each source once before it reports any of them a second time.
bool Iteration::look_again() {
  if (!poller_.looks_by_itself()) {
    timers_held_ = !timers_held_;
    if (timers_held_) poller_.wake();
    return !timers_held_;
  }
  std::size_t left = sources_.size();
  for (;;) {
    poll(0);
    left -= std::min(left, static_cast<std::size_t>(events_end_ - event_));
    dispatch_events();
    if (calls_.interrupted()) return false;
    if (left == 0 || !poller_.may_have_more(event_)) return true;
  }
}

void Iteration::run_scheduled() {
  if (calls_.interrupted()) return leave_out(Step::scheduled);
  const Batch<Token>& scheduled = sources_.batch();
  while (!scheduled.empty() && !calls_.interrupted()) {
    if (Source* const source = sources_.pop_scheduled()) source->on_iteration();
  }
}

}  // namespace reactor
