// Limits how often something may happen.
#pragma once

#include <algorithm>
#include <chrono>

#include "reactor/version.hpp"

namespace reactor::inline v0 {

/// Allows an event `per_second` times a second on average, and up to `burst` times together (a
/// token bucket).
///
///     RateLimit replies(10, 20);
///     if (replies.allow(loop.now())) socket.reply(datagram, "I am here");
///
/// It starts with the whole burst. It has no clock: the caller passes the time, which Loop::now()
/// reads once an iteration.
///
/// Thread    Any, one at a time.
/// Cost      40 bytes; a call is some arithmetic.
class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// A `burst` below 1 never allows anything.
  RateLimit(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  /// Returns whether the event may happen at `now`, and counts it if so. A `now` before that of an
  /// earlier call counts as that time.
  [[nodiscard]] bool allow(Time now) {
    const std::chrono::duration<double> passed = now - last_;
    left_ = std::min(burst_, left_ + std::max(passed.count(), 0.0) * per_second_);
    last_ = std::max(last_, now);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double left_ = burst_;
  Time last_{};
};

}  // namespace reactor
