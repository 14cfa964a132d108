// How long the iterations of a loop take.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// How long the iterations of a loop took, from the end of the wait to the end of the last
/// callback. This is the delay that one callback can cause for all others. Each bucket is twice as
/// wide as the one before; the first is one microsecond.
struct IterationStatistics {
  std::uint64_t iterations = 0;
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds longest{0};
  std::array<std::uint64_t, 32> buckets{};

  void add(std::chrono::nanoseconds iteration);
  IterationStatistics& operator+=(const IterationStatistics& other);

  /// The time that this share of the iterations (0 to 1) did not exceed; at most twice the true
  /// value.
  [[nodiscard]] std::chrono::nanoseconds percentile(double share) const;
};

}  // namespace reactor
#pragma GCC visibility pop
