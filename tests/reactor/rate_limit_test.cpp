#include "reactor/rate_limit.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using reactor::RateLimit;

namespace {

// How many of `tries` at this time are allowed.
int allowed_of(RateLimit& limit, RateLimit::Time now, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += limit.allow(now) ? 1 : 0;
  return count;
}

constexpr RateLimit::Time first_time{1'000'000s};

}  // namespace

TEST_SUITE("rate_limit") {
  TEST_CASE("a rate limit allows the burst immediately, and no more") {
    RateLimit limit(10, 20);
    CHECK(allowed_of(limit, first_time, 100) == 20);
    CHECK(allowed_of(limit, first_time, 100) == 0);
  }

  TEST_CASE("a rate limit allows the rate on average, in intervals of any length") {
    for (const std::chrono::milliseconds piece : {1ms, 7ms, 100ms, 1000ms}) {
      RateLimit limit(100, 100);
      CHECK(allowed_of(limit, first_time, 1000) == 100);
      int count = 0;
      for (auto passed = piece; passed <= 7000ms; passed += piece) {
        count += allowed_of(limit, first_time + passed, 1000);
      }
      CHECK(count >= 699);
      CHECK(count <= 700);
    }
  }

  TEST_CASE("a long silence allows no more than the burst") {
    RateLimit limit(10, 20);
    CHECK(allowed_of(limit, first_time, 100) == 20);
    CHECK(allowed_of(limit, first_time + 24h * 365, 100) == 20);
  }

  TEST_CASE("a burst below 1 allows nothing, and a rate of 0 allows only the burst") {
    RateLimit never(1000, 0.5);
    CHECK(allowed_of(never, first_time, 10) == 0);
    CHECK(allowed_of(never, first_time + 1h, 10) == 0);
    RateLimit once(0, 1);
    CHECK(allowed_of(once, first_time, 10) == 1);
    CHECK(allowed_of(once, first_time + 1h, 10) == 0);
  }

  TEST_CASE("a time before the last one changes nothing") {
    RateLimit limit(10, 20);
    CHECK(allowed_of(limit, first_time, 10) == 10);
    CHECK(allowed_of(limit, first_time - 1h, 5) == 5);
    CHECK(allowed_of(limit, first_time, 100) == 5);
  }
}
