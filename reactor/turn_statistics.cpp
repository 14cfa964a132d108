#include "reactor/turn_statistics.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace reactor {

void TurnStatistics::add(std::chrono::nanoseconds turn) {
  ++turns;
  total += turn;
  longest = std::max(longest, turn);
  const auto microseconds = static_cast<std::uint64_t>(turn.count()) / 1000;
  ++buckets[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(microseconds)),
                                  buckets.size() - 1)];
}

std::chrono::nanoseconds TurnStatistics::percentile(double share) const {
  const double wanted = share * static_cast<double>(turns);
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
