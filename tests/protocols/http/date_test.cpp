#include "protocols/http/date.hpp"

#include <doctest/doctest.h>

using protocols::http::Date;
using protocols::http::format_date;
using protocols::http::parse_date;
using std::chrono::seconds;

TEST_SUITE("http/date") {
  const Date example{seconds(784111777)};

  TEST_CASE("a date is written in the one form that is still sent") {
    CHECK(format_date(example) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(format_date(Date()) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(format_date(Date(seconds(-1))) == "Wed, 31 Dec 1969 23:59:59 GMT");
    CHECK(format_date(Date(seconds(951825600))) == "Tue, 29 Feb 2000 12:00:00 GMT");
  }

  TEST_CASE("a time outside of four-digit years is written as the nearest one inside") {
    CHECK(format_date(Date(seconds(INT64_MAX / 4))).substr(12, 4) == "9999");
    CHECK(format_date(Date(seconds(INT64_MIN / 4))).substr(12, 4) == "0000");
  }

  TEST_CASE("all three forms are read") {
    CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT") == example);
    CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT") == example);
    CHECK(parse_date("Sun Nov  6 08:49:37 1994") == example);
    CHECK(parse_date("Thursday, 01-Jan-70 00:00:00 GMT") == Date());
    CHECK(parse_date("Friday, 01-Jan-69 00:00:00 GMT")->time_since_epoch() > seconds(0));
  }

  TEST_CASE("text that is no date is refused") {
    for (std::string_view text :
         {"", "0", "Sun", "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37",
          "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:49:37 UTC",
          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
          "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
          "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
          "Sun, 06 Nix 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT",
          "Sun, -6 Nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_date(text));
    }
  }

  TEST_CASE("a date that is cut off is refused, also if the rest follows in memory") {
    for (const std::string_view text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
          "Sun Nov  6 08:49:37 1994"}) {
      for (std::size_t size = 0; size < text.size(); ++size) {
        CAPTURE(text.substr(0, size));
        CHECK_FALSE(parse_date(text.substr(0, size)));
      }
    }
  }

  TEST_CASE("parsing restores dates over four centuries") {
    for (Date date = Date(seconds(-86400LL * 365 * 70)); date < Date(seconds(86400LL * 365 * 330));
         date += seconds(86400 * 3 + 4567)) {
      if (parse_date(format_date(date)) != date) FAIL(format_date(date));
    }
  }
}
