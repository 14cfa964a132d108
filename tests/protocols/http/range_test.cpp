#include "protocols/http/range.hpp"

#include <doctest/doctest.h>

using protocols::http::content_range;
using protocols::http::Range;
using protocols::http::select_range;
using protocols::http::unsatisfied_range;

TEST_SUITE("http/range") {
  static Range part(std::uint64_t offset, std::uint64_t size) {
    return {Range::Kind::part, offset, size};
  }
  const Range whole;
  const Range unsatisfiable{Range::Kind::unsatisfiable};

  TEST_CASE("a range goes from a byte to a byte, both included, or is the last N bytes") {
    CHECK(select_range("bytes=0-0", 10) == part(0, 1));
    CHECK(select_range("bytes=2-5", 10) == part(2, 4));
    CHECK(select_range("Bytes=2-", 10) == part(2, 8));
    CHECK(select_range("bytes=-3", 10) == part(7, 3));
    CHECK(select_range("bytes= 2-5 ", 10) == part(2, 4));
  }

  TEST_CASE("a range that extends beyond the end is cut at the end") {
    CHECK(select_range("bytes=2-99", 10) == part(2, 8));
    CHECK(select_range("bytes=-99", 10) == part(0, 10));
    CHECK(select_range("bytes=9-18446744073709551616", 10) == part(9, 1));
    CHECK(select_range("bytes=-18446744073709551616", 10) == part(0, 10));
    CHECK(select_range("bytes=0-18446744073709551615", UINT64_MAX) == part(0, UINT64_MAX));
  }

  TEST_CASE("a range that begins after the end is not satisfiable") {
    CHECK(select_range("bytes=10-", 10) == unsatisfiable);
    CHECK(select_range("bytes=10-12", 10) == unsatisfiable);
    CHECK(select_range("bytes=99999999999999999999999-", 10) == unsatisfiable);
    CHECK(select_range("bytes=-0", 10) == unsatisfiable);
  }

  TEST_CASE("a range of an empty file is ignored") {
    for (std::string_view value : {"bytes=0-", "bytes=0-0", "bytes=0-1023", "bytes=5-", "bytes=-5",
                                   "bytes=-0", "bytes=5-2", "bytes=0-0,5-6"}) {
      CAPTURE(value);
      CHECK(select_range(value, 0) == whole);
    }
  }

  TEST_CASE("an invalid range, or more than one, is ignored") {
    for (std::string_view value :
         {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1", "lines=1-2",
          "bytes=0-1,3-4", "bytes=0-1,", "bytes=+1-2", "bytes=1--2", "bytes=0x1-2", "bytes 1-2"}) {
      CAPTURE(value);
      CHECK(select_range(value, 10) == whole);
    }
  }

  TEST_CASE("the response states which bytes it contains") {
    CHECK(content_range(part(2, 4), 10) == "bytes 2-5/10");
    CHECK(unsatisfied_range(10) == "bytes */10");
  }
}
