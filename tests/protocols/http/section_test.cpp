#include "protocols/http/section.hpp"

#include <doctest/doctest.h>

#include <cstdint>

using protocols::http::FieldIndex;

TEST_SUITE("http/section") {
  TEST_CASE("lines are kept in order, whatever their number") {
    FieldIndex lines;
    lines.begin({1, 2});
    for (std::uint32_t i = 1; i < 100; ++i) lines.add({2 * i + 1, 2 * i + 2});
    REQUIRE(lines.size() == 100);
    for (std::uint32_t i = 0; i < 100; ++i) CHECK(lines.all()[i].name_end == 2 * i + 1);
  }

  TEST_CASE("a cleared section reuses its memory") {
    FieldIndex lines;
    lines.begin({1, 2});
    while (lines.size() < 40) lines.add({3, 4});
    const auto* const memory = lines.all().data();
    lines.begin({5, 6});
    REQUIRE(lines.size() == 1);
    CHECK(lines.all()[0].end == 6);
    CHECK(lines.all().data() == memory);
  }

  TEST_CASE("lines are filled from without up to their room") {
    FieldIndex lines;
    lines.begin({1, 2});
    lines.room()[1] = {3, 4};
    lines.set_size(2);
    CHECK(lines.all()[1].name_end == 3);
  }
}
