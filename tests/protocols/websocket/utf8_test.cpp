#include "protocols/websocket/utf8.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using protocols::as_bytes;
using protocols::websocket::is_utf8;
using protocols::websocket::Utf8Check;

TEST_SUITE("utf8") {
  static std::size_t first_wrong(std::string_view text) { return Utf8Check().add(as_bytes(text)); }

  TEST_CASE("a byte that fits no character is found at once") {
    CHECK(first_wrong("ab\x80") == 2);    // A continuation without a beginning.
    CHECK(first_wrong("\xC0\xAF") == 0);  // Overlong.
    CHECK(first_wrong("\xC1\xBF") == 0);
    CHECK(first_wrong("\xE0\x9F\xBF") == 1);
    CHECK(first_wrong("\xF0\x8F\xBF\xBF") == 1);
    CHECK(first_wrong("\xED\xA0\x80") == 1);      // A surrogate.
    CHECK(first_wrong("\xF4\x90\x80\x80") == 1);  // Above U+10FFFF.
    CHECK(first_wrong("\xF5\x80\x80\x80") == 0);
    CHECK(first_wrong("\xFE") == 0);
    CHECK(first_wrong("\xE2\x82z") == 2);
    CHECK(first_wrong(std::string(100, 'a') + "\xFF") == 100);
  }

  // A reference that decodes: a character is valid if its shortest encoding is the same bytes.
  static std::string encoded(std::uint32_t point) {
    const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
    const auto more = [&](int shift) { return byte(0x80 | ((point >> shift) & 0x3F)); };
    if (point < 0x80) return {byte(point)};
    if (point < 0x800) return {byte(0xC0 | point >> 6), more(0)};
    if (point < 0x10000) return {byte(0xE0 | point >> 12), more(6), more(0)};
    return {byte(0xF0 | point >> 18), more(12), more(6), more(0)};
  }

  TEST_CASE("every code point is accepted, and every surrogate and larger number is not") {
    std::uint32_t wrong = 0;
    for (std::uint32_t point = 0; point < 0x200000; ++point) {
      const bool valid = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
      if (is_utf8(as_bytes(encoded(point))) != valid) ++wrong;
    }
    CHECK(wrong == 0);
  }

  TEST_CASE("of all strings of two bytes the right ones are accepted") {
    int accepted = 0, unfinished = 0;
    for (int first = 0; first < 256; ++first) {
      for (int second = 0; second < 256; ++second) {
        Utf8Check check;
        const std::string text{static_cast<char>(first), static_cast<char>(second)};
        if (check.add(as_bytes(text)) < 2) continue;
        ++(check.complete() ? accepted : unfinished);
      }
    }
    // Two of ASCII, or one of 30 leads and 64 continuations.
    CHECK(accepted == 128 * 128 + 30 * 64);
    // ASCII and any of 51 leads, or the first two bytes of three or four.
    CHECK(unfinished == 128 * 51 + (16 * 64 - 32 - 32) + (5 * 64 - 16 - 48));
  }

  TEST_CASE("the result is the same for a text in pieces") {
    const std::string text =
        "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80" + std::string(40, 'b') + "\xC3";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      Utf8Check check;
      CHECK(check.add(as_bytes(text.substr(0, cut))) == cut);
      CHECK(check.add(as_bytes(text.substr(cut))) == text.size() - cut);
      CHECK(!check.complete());
      CHECK(check.add(as_bytes("\xA4")) == 1);
      CHECK(check.complete());
    }
  }
}
