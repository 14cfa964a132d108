#include "protocols/http/conditional.hpp"

#include <doctest/doctest.h>

#include "protocols/http/request_decoder.hpp"

using protocols::http::Date;
using protocols::http::Fields;
using protocols::http::judge_preconditions;
using protocols::http::parse_date;
using protocols::http::Precondition;
using protocols::http::range_holds;
using protocols::http::RequestDecoder;
using protocols::http::Validators;

namespace {

constexpr std::string_view before = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr std::string_view at = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view after = "Sun, 06 Nov 1994 08:49:38 GMT";

}  // namespace

TEST_SUITE("http/conditional") {
  template <class Judge>
  static auto with(const std::string& lines, Judge judge) {
    RequestDecoder decoder;
    const std::string wire = "GET / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n";
    decoder.feed(protocols::as_bytes(wire));
    const auto event = decoder.next();
    REQUIRE(event);
    return judge(event->head->fields);
  }

  static std::string line(std::string_view name, std::string_view value) {
    return std::string(name) + ": " + std::string(value) + "\r\n";
  }

  const Validators current{"\"a,b\"", parse_date(at)};

  static Precondition judge(const std::string& lines, std::string_view method = "GET",
                            const Validators& validators = current) {
    return with(lines, [&](const Fields& fields) {
      return judge_preconditions(method, fields, validators);
    });
  }

  TEST_CASE("a representation that the client has is not sent again") {
    CHECK(judge("") == Precondition::holds);
    for (std::string_view value : {"\"a,b\"", "W/\"a,b\"", "*", "\"x\", \"a,b\"",
                                   ",, W/\"x\",\"a,b\"", "\"x\" , W/\"a,b\" "}) {
      CAPTURE(value);
      CHECK(judge(line("if-none-match", value)) == Precondition::not_modified);
      CHECK(judge(line("If-None-Match", value), "PUT") == Precondition::failed);
    }
    for (std::string_view value : {"\"a\"", "a,b", "\"a,b", "", "w/\"a,b\"", "\"A,B\"", "\"\""}) {
      CAPTURE(value);
      CHECK(judge(line("If-None-Match", value)) == Precondition::holds);
    }
    CHECK(judge(line("If-None-Match", "\"x\"") + line("If-None-Match", "\"a,b\"")) ==
          Precondition::not_modified);
  }

  TEST_CASE(
      "a file that has not changed since If-Modified-Since, to the second, is not sent again") {
    CHECK(judge(line("If-Modified-Since", before)) == Precondition::holds);
    CHECK(judge(line("If-Modified-Since", at)) == Precondition::not_modified);
    CHECK(judge(line("If-Modified-Since", after), "HEAD") == Precondition::not_modified);
    CHECK(judge(line("If-Modified-Since", after), "PUT") == Precondition::holds);
    CHECK(judge(line("If-Modified-Since", "yesterday")) == Precondition::holds);
    CHECK(judge(line("If-Modified-Since", at), "GET", {"\"a\"", {}}) == Precondition::holds);
  }

  TEST_CASE("an entity tag takes precedence over a date") {
    CHECK(judge(line("If-None-Match", "\"x\"") + line("If-Modified-Since", after)) ==
          Precondition::holds);
    CHECK(judge(line("If-Match", "\"a,b\"") + line("If-Unmodified-Since", before)) ==
          Precondition::holds);
  }

  TEST_CASE(
      "If-Match and If-Unmodified-Since hold only for the representation that they describe") {
    CHECK(judge(line("If-Match", "\"a,b\"")) == Precondition::holds);
    CHECK(judge(line("If-Match", "*")) == Precondition::holds);
    CHECK(judge(line("If-Match", "\"x\"")) == Precondition::failed);
    CHECK(judge(line("If-Match", "W/\"a,b\"")) == Precondition::failed);
    CHECK(judge(line("If-Match", "W/\"w\""), "GET", {"W/\"w\"", {}}) == Precondition::failed);
    CHECK(judge(line("If-Unmodified-Since", before)) == Precondition::failed);
    CHECK(judge(line("If-Unmodified-Since", at)) == Precondition::holds);
    CHECK(judge(line("If-Match", "\"a,b\"") + line("If-None-Match", "\"a,b\"")) ==
          Precondition::not_modified);
  }

  TEST_CASE("a range holds without If-Range, or if that describes the current representation") {
    const auto holds = [](const std::string& lines, const Validators& validators = current) {
      const Date now = *parse_date(after);
      return with(lines,
                  [&](const Fields& fields) { return range_holds(fields, validators, now); });
    };
    CHECK(holds(""));
    CHECK(holds(line("If-Range", "\"a,b\"")));
    CHECK(holds(line("If-Range", at)));
    CHECK_FALSE(holds(line("If-Range", "\"x\"")));
    CHECK_FALSE(holds(line("If-Range", "W/\"a,b\"")));
    CHECK_FALSE(holds(line("If-Range", after)));
    CHECK_FALSE(holds(line("If-Range", at), {"\"a\"", {}}));
    CHECK_FALSE(holds(line("If-Range", "")));
  }

  TEST_CASE(
      "a date within the present second does not identify a representation, an entity tag does") {
    const auto holds = [](const std::string& lines, std::string_view now) {
      return with(lines, [&](const Fields& fields) {
        return range_holds(fields, current, *parse_date(now));
      });
    };
    CHECK(holds(line("If-Range", at), after));
    CHECK_FALSE(holds(line("If-Range", at), at));
    CHECK_FALSE(holds(line("If-Range", at), before));  // The clock was set back.
    CHECK(holds(line("If-Range", "\"a,b\""), at));
    CHECK(holds("", at));
  }
}
