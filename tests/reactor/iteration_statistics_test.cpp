#include "reactor/iteration_statistics.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_SUITE("iteration_statistics") {
  TEST_CASE("a percentile is at most twice the true one") {
    reactor::IterationStatistics statistics;
    CHECK(statistics.percentile(0.5) == 0ns);
    for (int i = 1; i <= 100; ++i) statistics.add(i * 10us);
    CHECK(statistics.iterations == 100);
    CHECK(statistics.longest == 1ms);
    for (const double share : {0.1, 0.5, 0.9, 0.99, 1.0}) {
      CAPTURE(share);
      const auto exact = std::chrono::nanoseconds(static_cast<int>(share * 100) * 10us);
      CHECK(statistics.percentile(share) >= exact);
      CHECK(statistics.percentile(share) <= 2 * exact);
    }
  }
}
