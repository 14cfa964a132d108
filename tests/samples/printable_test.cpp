#include "samples/support/printable.hpp"

#include <doctest/doctest.h>

#include <string>

using samples::printable;

TEST_SUITE("printable") {
  TEST_CASE("control characters are removed, and a tab becomes a space") {
    CHECK(printable("a\x1b[31mb") == "a[31mb");
    CHECK(printable("a\r\n\a\b\x7f"
                    "b\tc") == "ab c");
    CHECK(printable(std::string("a\0b", 3)) == "ab");
    CHECK(printable("\xc2\x80\xc2\x9b\xc2\x9f") == "");
    CHECK(printable("\xc2\xa0") == "\xc2\xa0");
  }

  TEST_CASE("line separators and marks that change the direction of text are removed") {
    CHECK(printable("a\u2028\u2029\u202a\u202eb\u2066\u2069c") == "abc");
    CHECK(printable("\u2027\u202f\u2065\u206a") == "\u2027\u202f\u2065\u206a");
  }

  TEST_CASE("each ill-formed piece becomes one replacement character") {
    const std::string replaced = "\ufffd";
    CHECK(printable("a\x9b[b") == "a" + replaced + "[b");  // A C1 control, as one byte.
    CHECK(printable("\xc0\x80") == replaced + replaced);   // Overlong.
    CHECK(printable("\xe0\x80\x80") == replaced + replaced + replaced);
    CHECK(printable("\xf0\x8f\xbf\xbf") == replaced + replaced + replaced + replaced);
    CHECK(printable("\xed\xa0\x80") == replaced + replaced + replaced);  // A surrogate.
    CHECK(printable("\xf4\x90\x80\x80") == replaced + replaced + replaced + replaced);
    CHECK(printable("\xff") == replaced);
    CHECK(printable("\xe2\x82") == replaced);  // Truncated: one piece.
    CHECK(printable("\xf0\x9f\x98"
                    "a") == replaced + "a");
    CHECK(printable("\xe2\x82\x1b[m") == replaced + "[m");  // Does not hide the escape character.
  }

  TEST_CASE("all other text stays as it is") {
    CHECK(printable("") == "");
    CHECK(printable("plain ASCII ~") == "plain ASCII ~");
    CHECK(printable("Gr\u00fc\u00dfe, \u4f60\u597d, \u0645\u0631\u062d\u0628\u0627, \U0001f600") ==
          "Gr\u00fc\u00dfe, \u4f60\u597d, \u0645\u0631\u062d\u0628\u0627, \U0001f600");
    CHECK(printable("\ud7ff\ue000\U0010ffff") == "\ud7ff\ue000\U0010ffff");
    CHECK(printable("\U0001f469\u200d\U0001f680") == "\U0001f469\u200d\U0001f680");
  }

  TEST_CASE("printable() does not change its own output") {
    for (unsigned first = 0; first < 256; ++first) {
      for (unsigned second = 0; second < 256; ++second) {
        const char bytes[] = {static_cast<char>(first), static_cast<char>(second), 'x', '\x85'};
        const std::string once = printable({bytes, sizeof bytes});
        REQUIRE(printable(once) == once);
      }
    }
  }

  TEST_CASE("escaped text can be distinguished from the original") {
    CHECK(samples::escaped("a\x1b[31mb\tc") == "a\\x1b[31mb\\x09c");
    CHECK(samples::escaped("\xe2\x82\u202e!") == "\\xe2\\x82\\xe2\\x80\\xae!");
    CHECK(samples::escaped("Gr\u00fc\u00dfe, \u4f60\u597d") == "Gr\u00fc\u00dfe, \u4f60\u597d");
  }

  TEST_CASE("text in pieces is escaped the same however it is cut") {
    const std::string text =
        "Gr\u00fc\u00dfe,\t\u4f60\u597d \U0001f600\r\n\u009b31m\x1b[2J\rx\n\xe2\x82";
    const std::string shown =
        "Gr\u00fc\u00dfe,\t\u4f60\u597d \U0001f600\n\\xc2\\x9b31m\\x1b[2J\\x0dx\n\\xe2\\x82";
    const std::size_t line_end = text.find('\r');
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      if (cut == line_end + 1) continue;  // Here the first piece ends with a lone \r.
      samples::EscapedPieces pieces;
      std::string all = pieces.feed(text.substr(0, cut));
      all += pieces.feed(text.substr(cut));
      all += pieces.finish();
      CHECK(all == shown);
    }
  }
}
