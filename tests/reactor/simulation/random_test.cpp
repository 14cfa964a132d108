#include "reactor/simulation/random.hpp"

#include <doctest/doctest.h>

using reactor::simulation::Random;

TEST_SUITE("simulation random") {
  TEST_CASE("the sequence is that of SplitMix64") {
    Random random(1234567);  // The seed of the reference values at rosettacode.org.
    CHECK(random.next() == 6457827717110365317U);
    CHECK(random.next() == 3203168211198807973U);
    CHECK(random.next() == 9817491932198370423U);
  }

  TEST_CASE("numbers stay in their range, and an empty range gives its first number") {
    Random random(7);
    bool least = false;
    bool most = false;
    for (int i = 0; i < 1000; ++i) {
      const auto drawn = random.between(-2, 3);
      CHECK((drawn >= -2 && drawn <= 3));
      least = least || drawn == -2;
      most = most || drawn == 3;
      CHECK(random.below(1) == 0);
    }
    CHECK((least && most));
    CHECK(random.below(0) == 0);
    CHECK(random.between(5, 4) == 5);
  }

  TEST_CASE("a probability is met: never for 0, always for 1, a quarter of the draws for 0.25") {
    Random random(9);
    int quarter = 0;
    for (int i = 0; i < 10'000; ++i) {
      CHECK_FALSE(random.happens(0));
      CHECK(random.happens(1));
      quarter += random.happens(0.25) ? 1 : 0;
    }
    CHECK(quarter > 2300);
    CHECK(quarter < 2700);
  }
}
