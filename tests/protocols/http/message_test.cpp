#include "protocols/http/message.hpp"

#include <doctest/doctest.h>

#include <array>
#include <iterator>
#include <span>

using protocols::http::equal_ignoring_case;
using protocols::http::Field;
using protocols::http::Fields;

static_assert(std::forward_iterator<Fields::Iterator>);

TEST_SUITE("http/message") {
  const char* const section = "A:1\r\nb:\t 2 \r\n";
  const std::array<Fields::Place, 3> places{{Fields::no_line, {1, 3}, {6, 10}}};

  TEST_CASE("fields are iterated in their order") {
    const Fields fields(section, places);
    CHECK(fields.size() == 2);
    CHECK(fields[0] == Field{"A", "1"});
    CHECK(*std::next(fields.begin()) == Field{"b", "2"});
    CHECK(Fields().empty());
    CHECK(Fields(section, std::span(places).first(1)).empty());
  }

  TEST_CASE("a field is found by its name, and case does not matter") {
    const Fields fields(section, places);
    CHECK(fields.find("a") == "1");
    CHECK(fields.find("B") == "2");
    CHECK_FALSE(fields.find("c"));
  }

  TEST_CASE("case is ignored only for ASCII letters") {
    CHECK(equal_ignoring_case("Az-[", "aZ-["));
    CHECK_FALSE(equal_ignoring_case("[", "{"));
    CHECK_FALSE(equal_ignoring_case("\xC4", "\xE4"));
    CHECK_FALSE(equal_ignoring_case("a", "ab"));
  }
}
