// Time spans that never overflow.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <ratio>
#include <utility>

#include "reactor/version.hpp"

namespace reactor::inline v0 {

/// A time span in nanoseconds, made from any std::chrono duration that has a whole number of them.
/// A span too long to be counted becomes the longest one, about 292 years. As a timeout it means
/// "never": `std::chrono::hours::max()` is equivalent to `std::chrono::nanoseconds::max()`.
struct Duration : std::chrono::nanoseconds {
  constexpr Duration() : duration(0) {}

  template <std::integral Rep, class Period>
    requires std::convertible_to<std::chrono::duration<Rep, Period>, std::chrono::nanoseconds>
  constexpr Duration(
      std::chrono::duration<Rep, Period> span)  // NOLINT(google-explicit-constructor)
      : duration(saturated(span.count(), std::ratio_divide<Period, std::nano>::num)) {}

  /// Truncates to whole milliseconds.
  constexpr operator std::chrono::milliseconds() const {  // NOLINT(google-explicit-constructor)
    return std::chrono::milliseconds(count() / 1'000'000);
  }

 private:
  template <class Count>
  static constexpr std::int64_t saturated(Count ticks, std::int64_t nanoseconds_each) {
    constexpr auto longest = std::numeric_limits<std::int64_t>::max();
    constexpr auto shortest = std::numeric_limits<std::int64_t>::min();
    if (std::cmp_greater(ticks, longest / nanoseconds_each)) return longest;
    if (std::cmp_less(ticks, shortest / nanoseconds_each)) return shortest;
    return static_cast<std::int64_t>(ticks) * nanoseconds_each;
  }
};

/// The timeout as poll(2), epoll_wait(2) and other loops take it: milliseconds, rounded up; -1
/// without limit.
constexpr int poll_timeout(Duration timeout) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  if (timeout.count() == std::numeric_limits<std::int64_t>::max()) return -1;
  if (timeout.count() <= 0) return 0;
  const std::int64_t whole = (timeout.count() - 1) / 1'000'000 + 1;
  return static_cast<int>(whole < most ? whole : most);
}

/// `nanoseconds` plus a span, at most the largest number and at least the smallest.
constexpr std::int64_t saturating_sum(std::int64_t nanoseconds, std::int64_t span) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(nanoseconds, span, &sum)) return sum;
  return span > 0 ? std::numeric_limits<std::int64_t>::max()
                  : std::numeric_limits<std::int64_t>::min();
}

}  // namespace reactor
