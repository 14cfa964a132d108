#include "protocols/cobs.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"

using protocols::append_cobs;
using protocols::CobsDecoder;

TEST_SUITE("cobs") {
  template <std::size_t size>
  static std::string wire(const char(&literal)[size]) {
    return {literal, size - 1};
  }

  static std::string encoded(std::string_view payload) {
    std::vector<std::byte> out;
    append_cobs(out, protocols::as_bytes(payload));
    return std::string(protocols::as_text(out));
  }

  // The bytes from `first` to `last`, as in the paper's examples.
  static std::string counting(int first, int last) {
    std::string bytes;
    for (int byte = first; byte <= last; ++byte) bytes += static_cast<char>(byte);
    return bytes;
  }

  TEST_CASE("frames are decoded the same wherever the stream is cut") {
    check_any_split(CobsDecoder(), wire("\3hi\0\2a\2b\0\1\1\0"), wire("[hi][a\0b][\0]"));
  }

  TEST_CASE("zeros between frames are ignored, and an empty payload is a frame") {
    check_any_split(CobsDecoder(), wire("\0\0\2x\0\0\1\0\0"), "[x][]");
  }

  TEST_CASE("a zero inside a block is refused at that zero") {
    check_any_split(CobsDecoder(), wire("\3ok\0\11x\0"), "[ok]error: bad-cobs at 6");
    check_any_split(CobsDecoder(),
                    wire("\xFF"
                         "abc\0"),
                    "error: bad-cobs at 4");
    check_any_split(CobsDecoder(), wire("\2a\3b\0"), "error: bad-cobs at 4");
  }

  TEST_CASE("a stream that ends inside a frame is truncated") {
    check_any_split(CobsDecoder(), wire("\3hi"), "cut short");
    check_any_split(CobsDecoder(), wire("\1"), "cut short");
  }

  TEST_CASE("a full block adds no zero") {
    const std::string full = counting(1, 254);
    check_any_split(CobsDecoder(), "\xFF" + full + wire("\0"), "[" + full + "]");
    check_any_split(CobsDecoder(), "\xFF" + full + wire("\2x\0"), "[" + full + "x]");
    check_any_split(CobsDecoder(), "\xFF" + full + wire("\1\2x\0"), "[" + full + wire("\0x]"));
  }

  TEST_CASE(
      "the longest allowed payload passes, and a longer one is refused as soon as that is "
      "certain") {
    const CobsDecoder up_to_3({.max_payload_bytes = 3});
    check_any_split(up_to_3, wire("\4abc\0\1\1\2a\0\1\1\1\1\0"), wire("[abc][\0\0a][\0\0\0]"));
    check_any_split(up_to_3, wire("\5abcd\0"), "error: too-large at 4");
    check_any_split(up_to_3, wire("\4abc\1\0"), "error: too-large at 4");
    check_any_split(up_to_3, wire("\3ab\2c"), "error: too-large at 4");
    check_any_split(CobsDecoder({.max_payload_bytes = 0}), wire("\1\0\2"), "[]cut short");
  }

  TEST_CASE("the encoder writes the paper's examples") {
    CHECK(encoded("") == wire("\1\0"));
    CHECK(encoded(wire("\0")) == wire("\1\1\0"));
    CHECK(encoded(wire("\x11\0\0\0")) == wire("\2\x11\1\1\1\0"));
    CHECK(encoded(counting(1, 254)) == "\xFF" + counting(1, 254) + wire("\0"));
    CHECK(encoded(counting(0, 254)) == "\1\xFF" + counting(1, 254) + wire("\0"));
    CHECK(encoded(counting(1, 255)) == "\xFF" + counting(1, 254) + wire("\2\xFF\0"));
    CHECK(encoded(counting(2, 255) + wire("\0")) == "\xFF" + counting(2, 255) + wire("\1\1\0"));
    CHECK(encoded(counting(3, 255) + wire("\0\1")) == "\xFE" + counting(3, 255) + wire("\2\1\0"));
  }

  TEST_CASE("decoding restores what was encoded") {
    check_round_trip(CobsDecoder(), [](auto& out, std::string_view payload) {
      append_cobs(out, protocols::as_bytes(payload));
      return true;
    });
  }

  TEST_CASE("frames of one block cost no allocation, and a long frame costs linear time") {
    check_whole_frames_cost_no_allocation(CobsDecoder(), wire("\3hi\0\3ho\0"), 2);
    check_linear(CobsDecoder({.max_payload_bytes = 2 << 20}),
                 encoded(std::string(1 << 19, 'x') + std::string(1 << 19, '\0')));
  }
}
