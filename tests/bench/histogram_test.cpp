#include "bench/load/histogram.hpp"

#include <doctest/doctest.h>

using bench::Histogram;

TEST_SUITE("histogram") {
  TEST_CASE("small values are counted exactly") {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
    CHECK(histogram.quantile(0.5) == 50);
    CHECK(histogram.quantile(0.99) == 99);
    CHECK(histogram.quantile(1) == 100);
    CHECK(histogram.mean() == doctest::Approx(50.5));
  }

  TEST_CASE("a quantile is never below the value and less than one part in 128 above it") {
    for (std::uint64_t value = 1; value < (std::uint64_t{1} << 40); value += value / 3 + 1) {
      CAPTURE(value);
      Histogram histogram;
      histogram.record(value);
      histogram.record((std::uint64_t{1} << 40) - 1);  // So that max() does not help.
      CHECK(histogram.quantile(0.5) >= value);
      CHECK(histogram.quantile(0.5) <= value + value / 128);
    }
  }

  TEST_CASE("values beyond the range count as the largest one, and the exact maximum is kept") {
    Histogram histogram;
    histogram.record(~std::uint64_t{0});
    CHECK(histogram.count() == 1);
    CHECK(histogram.max() == ~std::uint64_t{0});
    CHECK(histogram.quantile(1) == (std::uint64_t{1} << 40) - 1);
  }

  TEST_CASE("quantile and mean of an empty histogram are 0") {
    Histogram histogram;
    histogram.record(7);
    histogram.clear();
    CHECK(histogram.quantile(0.99) == 0);
    CHECK(histogram.mean() == 0);
  }
}
