#include "protocols/base64.hpp"

#include <doctest/doctest.h>

#include <string>

using protocols::from_base64;
using protocols::to_base64;

TEST_SUITE("base64") {
  TEST_CASE("the examples of RFC 4648, section 10, in both directions") {
    const char* const examples[][2] = {{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"fooba", "Zm9vYmE="},
                                       {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : examples) {
      CHECK(to_base64(bytes) == text);
      CHECK(from_base64(text) == std::string(bytes));
    }
  }

  TEST_CASE("decoding restores every byte") {
    std::string bytes;
    for (int value = 0; value < 256; ++value) bytes += static_cast<char>(value);
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }

  TEST_CASE("no two texts encode the same bytes") {
    for (const char* const text : {"Zh==", "Z/==", "Zm9=", "Zm+="}) {
      CAPTURE(text);
      CHECK_FALSE(from_base64(text));
    }
  }

  TEST_CASE("text that is not base64 is refused") {
    for (const char* const text :
         {"Z", "Zg", "Zg=", "Z===", "====", "Zm9v\n", "Zm 9", "Zg==Zg==", "Zm9-", "=Zm9"}) {
      CAPTURE(text);
      CHECK_FALSE(from_base64(text));
    }
  }
}
