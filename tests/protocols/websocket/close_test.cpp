#include "protocols/websocket/close.hpp"

#include <doctest/doctest.h>

#include "protocols/error.hpp"

using protocols::DecodeError;
using protocols::websocket::close_code_of;
using protocols::websocket::is_close_code;

TEST_SUITE("websocket close") {
  TEST_CASE("registered codes and those of programs may be sent, and no others") {
    int allowed = 0;
    for (unsigned code = 0; code <= 0xFFFF; ++code) {
      allowed += is_close_code(static_cast<std::uint16_t>(code));
    }
    CHECK(allowed == 4 + 8 + 2000);
    const std::uint16_t reserved[] = {1004, 1005, 1006, 1015};
    for (const std::uint16_t code : reserved) CHECK(!is_close_code(code));
  }

  TEST_CASE("each error has the code to close with") {
    CHECK(close_code_of(DecodeError::too_large) == 1009);
    CHECK(close_code_of(DecodeError::invalid_utf8) == 1007);
    CHECK(close_code_of(DecodeError::bad_deflate) == 1007);
    CHECK(close_code_of(DecodeError::mask_required) == 1002);
    CHECK(close_code_of(DecodeError::bad_close_code) == 1002);
  }
}
