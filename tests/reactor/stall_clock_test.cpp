#include "reactor/stall_clock.hpp"

#include <doctest/doctest.h>

#include <limits>

using reactor::StallClock;

TEST_SUITE("stall clock") {
  TEST_CASE("an operation has its full time from its start, whatever moved before") {
    StallClock clock;
    clock.start("send to", 100, 1000, 0);
    CHECK(clock.left(1000, 50) == 100);
    CHECK(clock.left(1099, 50) == 1);
    CHECK(clock.left(1100, 50) == 0);
  }

  TEST_CASE("the time starts again when bytes move") {
    StallClock clock;
    clock.start("send to", 100, 1000, 0);
    CHECK(clock.left(1090, 1060) == 70);
    CHECK(clock.left(1200, 1060) == -40);
  }

  TEST_CASE("a negative time counts as zero") {
    StallClock clock;
    clock.start("close connection to", std::numeric_limits<StallClock::Nanoseconds>::min(), 5, 0);
    CHECK(clock.left(5, 0) == 0);
  }

  TEST_CASE("fewer unsent bytes in the kernel are progress, which is seen once") {
    StallClock clock;
    clock.start("send to", 100, 1000, 70);
    CHECK_FALSE(clock.look_at_unsent(70));
    CHECK(clock.look_at_unsent(30));
    CHECK_FALSE(clock.look_at_unsent(30));
  }

  TEST_CASE("what a write adds to the unsent bytes is no progress of the peer") {
    StallClock clock;
    clock.start("close connection to", 100, 1000, 30);
    CHECK_FALSE(clock.look_at_unsent(54));
    CHECK(clock.look_at_unsent(53));
  }

  TEST_CASE(
      "a peer that has received everything may continue to send for a time from the first look") {
    StallClock clock;
    clock.start("close connection to", 100, 1000, 5);
    CHECK_FALSE(clock.discards_too_long(2000, 10));  // The peer has not received everything.
    (void)clock.look_at_unsent(0);
    CHECK_FALSE(clock.discards_too_long(3000, 10));
    CHECK_FALSE(clock.discards_too_long(3009, 10));
    CHECK(clock.discards_too_long(3010, 10));
    clock.start("close connection to", 100, 4000, 0);
    CHECK_FALSE(clock.discards_too_long(5000, 10));
  }
}
