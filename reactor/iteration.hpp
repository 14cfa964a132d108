// The order of one iteration of the loop. Internal.
#pragma once

#include <atomic>
#include <cstdint>

#include "reactor/calls.hpp"
#include "reactor/platform/poller.hpp"
#include "reactor/post_queue.hpp"
#include "reactor/source_table.hpp"
#include "reactor/timers.hpp"

namespace reactor::inline v0 {

#pragma GCC visibility push(default)
struct Metrics;
#pragma GCC visibility pop

/// Waits; calls the sources that are ready; runs what was posted; fires the timers that are due;
/// calls the sources that were scheduled; lets libuv run. An exception ends the iteration early.
/// What is left of it is done before the next one, so that a callback that throws each time does not
/// keep others from being called.
class Iteration {
 public:
  using Nanoseconds = std::int64_t;

  /// `spin`: how long to poll for events before the thread sleeps.
  Iteration(Poller& poller, SourceTable& sources, PostQueue& posted, Timers& timers, Calls& calls,
            Nanoseconds spin);

  /// If `wait`, waits until something happens, at most until `stopping`.
  void run(bool wait, const std::atomic<bool>& stopping);

  /// Does what an exception has left out of the last iteration; false if it was complete. To be
  /// called before run(), whenever exceptions may have been caught since.
  bool finish_last();

  /// Something is left to do without waiting.
  [[nodiscard]] bool work_left() const;
  /// After this a post() wakes the thread. Returns false when something was posted before: do not
  /// sleep.
  [[nodiscard]] bool may_sleep();

  void measure(Metrics* metrics) { metrics_ = metrics; }

 private:
  enum class Step : unsigned char { events, posted, timers, due_timers, scheduled, native };

  void leave_out(Step step);
  void run_native();
  [[nodiscard]] bool events_left() const { return event_ != events_end_; }
  [[nodiscard]] Nanoseconds begin_measuring();
  [[gnu::always_inline]] inline void wait_for_events(bool wait, const std::atomic<bool>& stopping);
  [[gnu::always_inline]] inline void poll(int timeout);
  [[nodiscard]] bool spin(const std::atomic<bool>& stopping);
  [[gnu::always_inline]] inline void dispatch_events();
  void resolve_event(Event event);
  void run_posted();
  void fire_timers();
  void fire_due_timers();
  [[nodiscard]] bool serve_arrivals();
  [[nodiscard]] bool look_again();
  void run_scheduled();

  Poller& poller_;
  SourceTable& sources_;
  PostQueue& posted_;
  Timers& timers_;
  Calls& calls_;
  const Nanoseconds spin_;
  bool timers_held_ = false;           // For one iteration, so that input is handled first.
  Step first_left_ = Step::events;     // What an exception left out of the last iteration, if any.
  const Event* event_ = nullptr;       // The next of this iteration to be dispatched,
  const Event* events_end_ = nullptr;  // and the end of them.
  Metrics* metrics_ = nullptr;
};

}  // namespace reactor
