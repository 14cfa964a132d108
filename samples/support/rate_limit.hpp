// How often something may happen.
#pragma once

#include <algorithm>
#include <chrono>

namespace samples {

/// Allows `per_second` on average, and up to `burst` at once.
class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  RateLimit(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  [[nodiscard]] bool allow(Time now) {
    const std::chrono::duration<double> passed = now - last_;
    left_ = std::min(burst_, left_ + passed.count() * per_second_);
    last_ = now;
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

}  // namespace samples
