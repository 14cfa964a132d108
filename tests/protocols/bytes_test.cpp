#include "protocols/bytes.hpp"

#include <doctest/doctest.h>

TEST_SUITE("bytes") {
  TEST_CASE("text viewed as bytes and back is the same text at the same address") {
    const std::string_view text("a\0b\xFF", 4);
    const protocols::Bytes bytes = protocols::as_bytes(text);
    CHECK(bytes.size() == 4);
    CHECK(bytes[3] == std::byte{0xFF});
    CHECK(protocols::as_text(bytes) == text);
    CHECK(protocols::as_text(bytes).data() == text.data());
  }
}
