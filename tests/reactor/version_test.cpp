#include "reactor/version.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_SUITE("version") {
  TEST_CASE("the text and the numbers state the same version") {
    const std::string text = reactor::version();
    CHECK(text == UVREACTOR_VERSION);
    CHECK(text == std::to_string(UVREACTOR_VERSION_MAJOR) + "." +
                      std::to_string(UVREACTOR_VERSION_MINOR) + "." +
                      std::to_string(UVREACTOR_VERSION_PATCH));
    CHECK(UVREACTOR_VERSION_NUMBER == UVREACTOR_VERSION_MAJOR * 10000 +
                                          UVREACTOR_VERSION_MINOR * 100 + UVREACTOR_VERSION_PATCH);
  }
}
