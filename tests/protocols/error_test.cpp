#include "protocols/error.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using protocols::DecodeError;

TEST_SUITE("error") {
  TEST_CASE("an error describes the problem to people and to programs") {
    const std::error_code error = DecodeError::too_large;
    CHECK(error.message() == "longer than the configured maximum");
    CHECK(std::string(error.category().name()) == "decode");
    CHECK(name(DecodeError::too_large) == "too-large");
  }

  TEST_CASE("each error has a name and a text of its own") {
    std::set<std::string> names, texts;
    int count = 0;
    for (; name(static_cast<DecodeError>(count + 1)) != "unknown"; ++count) {
      names.emplace(name(static_cast<DecodeError>(count + 1)));
      texts.insert(std::error_code(static_cast<DecodeError>(count + 1)).message());
    }
    CHECK(count >= 10);
    CHECK(names.size() == static_cast<std::size_t>(count));
    CHECK(texts.size() == static_cast<std::size_t>(count));
  }

  TEST_CASE("a number that is no error is named unknown") {
    CHECK(name(static_cast<DecodeError>(9999)) == "unknown");
  }
}
