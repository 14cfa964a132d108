#include "samples/support/time_text.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

using namespace protocols;
using namespace samples;

namespace {

/// A time zone that is set as long as the object lives.
class Zone {
 public:
  explicit Zone(const char* zone) { set(zone); }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() { set(before_ ? before_->c_str() : nullptr); }

 private:
  static std::optional<std::string> get() {
    const char* const zone = std::getenv("TZ");
    return zone ? std::optional<std::string>(zone) : std::nullopt;
  }
  static void set(const char* zone) {
    zone ? setenv("TZ", zone, 1) : unsetenv("TZ");
    tzset();
  }

  const std::optional<std::string> before_ = get();
};

std::string answer(std::string_view request, std::int64_t now = 1'700'000'000) {
  return answer_time_text(as_bytes(request), std::chrono::sys_seconds(std::chrono::seconds(now)))
      .value_or("(silence)");
}

}  // namespace

TEST_SUITE("time_text") {
  TEST_CASE("a conversion that POSIX does not define is refused with its position") {
    const Zone utc("UTC");
    for (std::string_view bad : {"%", "%!", "%5d", "%-d", "%^a", "%099999d", "%E", "%O", "%EY%Eq",
                                 "%Oz", "%EEY", "%+", "%k", "%P", "%N", "% d", "%\xFF"}) {
      CAPTURE(bad);
      CHECK(answer(bad).starts_with("error: no conversion of strftime at byte "));
    }
    CHECK(answer("ab%Y %q") == "error: no conversion of strftime at byte 5");
    CHECK(answer("100%") == "error: no conversion of strftime at byte 3");
  }

  TEST_CASE("a NUL is refused at any position") {
    CHECK(answer({"\0", 1}) == "error: a NUL in the format");
    CHECK(answer({"%Y\0%", 4}) == "error: a NUL in the format");
    CHECK(answer({"%Y\0", 3}) == "error: a NUL in the format");
  }

  TEST_CASE("a reply is at most 64 bytes longer than the request, and at most 512 bytes long") {
    const Zone utc("UTC");
    std::string fits;
    for (int i = 0; i < 12; ++i) fits += "%A";  // Tuesday: each one adds five bytes.
    CHECK(answer(fits).size() == 12 * 7);
    CHECK(answer(fits + "%A") == "error: more than 90 bytes of text");
    CHECK(answer(std::string(512, 'a')) == std::string(512, 'a'));
    CHECK(answer(std::string(513, 'a')) == "error: more than 512 bytes of text");
    CHECK(answer(std::string(65'507, '%')).starts_with("error: "));
    std::string percents(1024, '%');
    CHECK(answer(percents) == std::string(512, '%'));
  }

  TEST_CASE("an error gets no reply, so that no two servers exchange errors for ever") {
    CHECK(answer("error: ") == "(silence)");
    CHECK(answer(answer("%!")) == "(silence)");
    CHECK(answer("error") == "error");
  }

  TEST_CASE("the empty request, and formats without a number") {
    const Zone utc("UTC");
    CHECK(answer("") == "2023-11-14 22:13:20");
    CHECK(answer("%H:%M") == "22:13");
    CHECK(answer("hello") == "hello");
    CHECK(answer("%F", 16'725'225'600) == "2500-01-01");  // Too late for nanoseconds.
    CHECK(answer("%n%t%%") == "\n\t%");
  }

  TEST_CASE("a decimal number is a Unix time") {
    const Zone utc("UTC");
    CHECK(answer("0") == "1970-01-01 00:00:00");
    CHECK(answer("-1") == "1969-12-31 23:59:59");
    CHECK(answer("1729992600") == "2024-10-27 01:30:00");
    CHECK(answer("253402300800") == "10000-01-01 00:00:00");
    CHECK(answer("67767976233532799") == "2147483647-12-31 23:59:59");
    for (const char* far :
         {"67767976233532800", "67768036191676799", "9223372036854775807", "-9223372036854775808",
          "9223372036854775808", "99999999999999999999999999"}) {
      CHECK(answer(far) == "error: no calendar has that time");
    }
    CHECK(answer("12 ") == "12 ");  // Not a number.
    CHECK(answer("-") == "-");
  }

  TEST_CASE("a number ends with its request, whatever bytes follow it in memory") {
    const std::string_view memory = "17000000001";
    CHECK(answer(memory.substr(0, 10)) == answer("1700000000"));
    CHECK(answer(memory.substr(0, 9)) == answer("170000000"));
  }

  TEST_CASE("a fraction of a second is allowed and rounded down") {
    const Zone utc("UTC");
    CHECK(answer("1536197188.25") == "2018-09-06 01:26:28");
    CHECK(answer("1536197188.9999999999999999999999") == "2018-09-06 01:26:28");
    CHECK(answer("1536197188.0") == "2018-09-06 01:26:28");
    CHECK(answer("0.5") == "1970-01-01 00:00:00");
    CHECK(answer("-0.5") == "1969-12-31 23:59:59");
    CHECK(answer("-1.0") == "1969-12-31 23:59:59");
    CHECK(answer("-1.000000000000000000000000000001") == "1969-12-31 23:59:58");
    CHECK(answer("-0.0") == "1970-01-01 00:00:00");
    CHECK(answer("67767976233532799.9") == "2147483647-12-31 23:59:59");
    for (const char* far :
         {"67767976233532800.0", "-9223372036854775808.5", "99999999999999999999999999.25"}) {
      CHECK(answer(far) == "error: no calendar has that time");
    }
    for (const char* text :
         {"1.", ".5", "-.5", "1.2.3", "1.-5", "1.5e3", "1,5", "1.5 ", "+1.5", "1. 5", "- 1.5"}) {
      CHECK(answer(text) == text);
    }
  }

  TEST_CASE("TZ is applied, including summer time") {
    const Zone berlin("Europe/Berlin");
    CHECK(answer("%F %T %Z %z", 1'711'846'799) == "2024-03-31 01:59:59 CET +0100");
    CHECK(answer("%F %T %Z %z", 1'711'846'800) == "2024-03-31 03:00:00 CEST +0200");
    CHECK(answer("1711846800") == "2024-03-31 03:00:00");
  }

  TEST_CASE("the replies to random requests are within the limit") {
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    constexpr std::string_view letters = "%%%%aAcEOyYdH-0123456789 \0\n\xFF";
    for (int round = 0; round < 5000; ++round) {
      std::string request(random() % 700, '\0');
      for (char& letter : request) letter = letters[random() % letters.size()];
      const auto reply = answer_time_text(as_bytes(request), {});
      REQUIRE(reply);
      REQUIRE(reply->size() <= std::min<std::size_t>(512, request.size() + 64));
    }
  }
}
