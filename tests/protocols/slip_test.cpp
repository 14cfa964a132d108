#include "protocols/slip.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"

using protocols::append_slip;
using protocols::SlipDecoder;

TEST_SUITE("slip") {
  static std::string encoded(std::string_view payload) {
    std::vector<std::byte> out;
    if (!append_slip(out, protocols::as_bytes(payload))) return "refused";
    return std::string(protocols::as_text(out));
  }

  TEST_CASE("packets are decoded the same wherever the stream is cut") {
    check_any_split(SlipDecoder(), "hi\xC0there\xC0", "[hi][there]");
    check_any_split(SlipDecoder(),
                    "\xC0"
                    "a\xC0\xC0\xC0"
                    "b\xC0\xC0",
                    "[a][b]");
    check_any_split(SlipDecoder(), "", "");
  }

  TEST_CASE("escaped bytes are data, and so are their codes without an escape") {
    check_any_split(SlipDecoder(),
                    "a\xDB\xDC"
                    "b\xDB\xDD\xC0",
                    "[a\xC0"
                    "b\xDB]");
    check_any_split(SlipDecoder(), "\xDC\xDD\xC0", "[\xDC\xDD]");
  }

  TEST_CASE("an escape before any other byte is refused at that byte") {
    check_any_split(SlipDecoder(),
                    "ok\xC0"
                    "a\xDB\xDB",
                    "[ok]error: bad-escape at 5");
    check_any_split(SlipDecoder(), "a\xDB\xC0", "error: bad-escape at 2");
  }

  TEST_CASE("a stream that ends inside a packet is truncated") {
    check_any_split(SlipDecoder(), "abc", "cut short");
    check_any_split(SlipDecoder(), "abc\xDB", "cut short");
  }

  TEST_CASE("the longest allowed packet passes, however many of its bytes are escaped") {
    const SlipDecoder up_to_3({.max_payload_bytes = 3});
    check_any_split(up_to_3, "abc\xC0\xDB\xDC\xDB\xDC\xDB\xDC\xC0", "[abc][\xC0\xC0\xC0]");
    check_any_split(up_to_3, "abcd", "error: too-large at 3");
    check_any_split(up_to_3,
                    "\xDB\xDC"
                    "abcd",
                    "error: too-large at 4");
    check_any_split(up_to_3, "abc\xDB", "error: too-large at 3");
    check_any_split(SlipDecoder({.max_payload_bytes = 0}),
                    "\xC0"
                    "a",
                    "error: too-large at 1");
  }

  TEST_CASE("the largest value of the type as a limit means no limit") {
    check_any_split(SlipDecoder({.max_payload_bytes = SIZE_MAX}), "\xDB\xDC\xDB\xDD\xC0",
                    "[\xC0\xDB]");
  }

  TEST_CASE("the encoder writes the wire format, and decoding restores what was encoded") {
    CHECK(encoded("a\xC0\xDB") ==
          "\xC0"
          "a\xDB\xDC\xDB\xDD\xC0");
    CHECK(encoded("") == "refused");
    check_round_trip(SlipDecoder(), [](auto& out, std::string_view payload) {
      return append_slip(out, protocols::as_bytes(payload));
    });
  }

  TEST_CASE("packets without escapes cost no allocation, and a long packet costs linear time") {
    check_whole_frames_cost_no_allocation(SlipDecoder(),
                                          "hi\xC0"
                                          "ho\xC0",
                                          2);
    check_linear(SlipDecoder({.max_payload_bytes = 2 << 20}),
                 encoded(std::string(1 << 19, 'x') + std::string(1 << 19, '\xC0')));
  }
}
