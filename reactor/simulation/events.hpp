// Virtual time, and what happens in it. Internal.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"

namespace reactor::inline v0::simulation {

/// The events of a world, in the order of their time, and of their creation at the same time.
class Events {
 public:
  using Nanoseconds = std::int64_t;
  using Action = Callback<void(), 64>;

  static constexpr Nanoseconds never = std::numeric_limits<Nanoseconds>::max();
  /// Not 0, which some callers use for "no time".
  static constexpr Nanoseconds start = 3'600'000'000'000;

  [[nodiscard]] Nanoseconds now() const { return now_; }
  /// Never back.
  void set_now(Nanoseconds now) { now_ = std::max(now_, now); }

  void at(Nanoseconds when, Action action) {
    heap_.push_back({std::max(when, now_), ++created_, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end());
  }
  void after(Nanoseconds delay, Action action) {
    at(saturating_sum(now_, delay), std::move(action));
  }

  [[nodiscard]] Nanoseconds next() const { return heap_.empty() ? never : heap_.front().when; }

  void run_next() {
    std::pop_heap(heap_.begin(), heap_.end());
    Event event = std::move(heap_.back());
    heap_.pop_back();
    set_now(event.when);
    event.action();
  }

  void clear() {
    while (!heap_.empty()) std::exchange(heap_, {}).clear();
  }

 private:
  struct Event {
    Nanoseconds when;
    std::uint64_t number;
    Action action;

    // The heap's first is the greatest.
    bool operator<(const Event& other) const {
      return std::pair(when, number) > std::pair(other.when, other.number);
    }
  };

  Nanoseconds now_ = start;
  std::uint64_t created_ = 0;
  std::vector<Event> heap_;
};

}  // namespace reactor::simulation
