#include "samples/support/failed_attempts.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using samples::FailedAttempts;

namespace {

const FailedAttempts::Clock::time_point start{1000h};

void fail(FailedAttempts& attempts, int times, FailedAttempts::Clock::time_point at = start) {
  for (int i = 0; i < times; ++i) attempts.failed("a", at);
}

}  // namespace

TEST_SUITE("failed_attempts") {
  TEST_CASE(
      "the first failures cause no pause, and each further one doubles it up to the longest") {
    FailedAttempts attempts({.free_failures = 3, .first_pause = 1s, .longest_pause = 5s});
    fail(attempts, 2);
    CHECK(attempts.pause("a", start) == 0s);
    fail(attempts, 1);
    CHECK(attempts.pause("a", start) == 1s);
    fail(attempts, 1);
    CHECK(attempts.pause("a", start) == 2s);
    fail(attempts, 1);
    CHECK(attempts.pause("a", start) == 4s);
    fail(attempts, 1);
    CHECK(attempts.pause("a", start) == 5s);
    fail(attempts, 1000);
    CHECK(attempts.pause("a", start) == 5s);
    CHECK(attempts.pause("b", start) == 0s);
  }

  TEST_CASE("a pause ends, and the next failure causes a longer one") {
    FailedAttempts attempts({.free_failures = 1, .first_pause = 2s});
    fail(attempts, 1);
    CHECK(attempts.pause("a", start + 1500ms) == 1s);
    CHECK(attempts.pause("a", start + 2s) == 0s);
    fail(attempts, 1, start + 2s);
    CHECK(attempts.pause("a", start + 2s) == 4s);
  }

  TEST_CASE("after a success, or a long time without a failure, counting starts again") {
    FailedAttempts attempts({.free_failures = 1, .memory = 10s});
    fail(attempts, 5);
    attempts.succeeded("a");
    CHECK(attempts.pause("a", start) == 0s);
    fail(attempts, 5);
    CHECK(attempts.pause("a", start + 10s) > 0s);
    CHECK(attempts.pause("a", start + 11s) == 0s);
    fail(attempts, 1, start + 11s);
    CHECK(attempts.pause("a", start + 11s) == 1s);
  }

  TEST_CASE("if the table is full, a new key replaces the one whose last failure is the oldest") {
    FailedAttempts attempts({.free_failures = 1, .most_keys = 2});
    attempts.failed("first", start);
    attempts.failed("second", start);
    attempts.failed("first", start);
    attempts.failed("third", start);
    CHECK(attempts.pause("first", start) > 0s);
    CHECK(attempts.pause("second", start) == 0s);
    CHECK(attempts.pause("third", start) > 0s);
  }
}
