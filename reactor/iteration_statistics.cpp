#include "reactor/iteration_statistics.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace reactor::inline v0 {

void IterationStatistics::add(std::chrono::nanoseconds iteration) {
  ++iterations;
  total += iteration;
  longest = std::max(longest, iteration);
  const auto microseconds = static_cast<std::uint64_t>(iteration.count()) / 1000;
  ++buckets[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(microseconds)),
                                  buckets.size() - 1)];
}

IterationStatistics& IterationStatistics::operator+=(const IterationStatistics& other) {
  iterations += other.iterations;
  total += other.total;
  longest = std::max(longest, other.longest);
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    buckets[bucket] += other.buckets[bucket];
  }
  return *this;
}

std::chrono::nanoseconds IterationStatistics::percentile(double share) const {
  const double wanted = share * static_cast<double>(iterations);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    seen += buckets[bucket];
    if (seen > 0 && static_cast<double>(seen) >= wanted) {
      return std::min<std::chrono::nanoseconds>(std::chrono::microseconds(1LL << bucket), longest);
    }
  }
  return longest;
}

}  // namespace reactor
