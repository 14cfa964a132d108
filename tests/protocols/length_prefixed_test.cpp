#include "protocols/length_prefixed.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"
#include "support/valgrind.hpp"

using protocols::LengthField;
using protocols::LengthPrefixed;
using protocols::LengthPrefixedDecoder;

TEST_SUITE("length_prefixed") {
  // Wire data contains zeros, which end a C string.
  template <std::size_t size>
  static std::string wire(const char(&literal)[size]) {
    return {literal, size - 1};
  }

  static std::string encoded(std::string_view payload, const LengthPrefixed& format,
                             std::string_view prefix = {}) {
    std::vector<std::byte> out;
    const bool done = append_length_prefixed(out, protocols::as_bytes(payload), format,
                                             protocols::as_bytes(prefix));
    return done ? std::string(protocols::as_text(out)) : "refused";
  }

  TEST_CASE("frames are decoded the same wherever the stream is cut") {
    check_any_split(LengthPrefixedDecoder(), wire("\0\0\0\2hi\0\0\0\0\0\0\0\5there"),
                    "[hi][][there]");
  }

  TEST_CASE("a length is read in each width and either order") {
    using enum LengthField;
    const auto little = std::endian::little;
    check_any_split(LengthPrefixedDecoder({.length_field = u8}), wire("\2hi\0"), "[hi][]");
    check_any_split(LengthPrefixedDecoder({.length_field = u16}), wire("\0\2hi"), "[hi]");
    check_any_split(LengthPrefixedDecoder({.length_field = u24}), wire("\0\0\2hi"), "[hi]");
    check_any_split(LengthPrefixedDecoder({.length_field = u64}), wire("\0\0\0\0\0\0\0\2hi"),
                    "[hi]");
    check_any_split(LengthPrefixedDecoder({.length_field = u16, .byte_order = little}),
                    wire("\2\0hi"), "[hi]");
    check_any_split(LengthPrefixedDecoder({.length_field = u24, .byte_order = little}),
                    wire("\2\0\0hi"), "[hi]");
    check_any_split(LengthPrefixedDecoder({.byte_order = little}), wire("\2\0\0\0hi"), "[hi]");
    check_any_split(LengthPrefixedDecoder({.length_field = u64, .byte_order = little}),
                    wire("\2\0\0\0\0\0\0\0hi"), "[hi]");
  }

  TEST_CASE("a varint may be longer than necessary") {
    const LengthPrefixedDecoder decoder({.length_field = LengthField::varint});
    check_any_split(decoder, wire("\2hi\0\x82\x80\0ho"), "[hi][][ho]");
    check_any_split(decoder, "\x81\1" + std::string(129, 'x'), "[" + std::string(129, 'x') + "]");
    check_any_split(decoder, "\x80\x80", "cut short");
  }

  TEST_CASE("bytes before and after the payload belong to the frame") {
    const LengthPrefixed format{.length_field_offset = 1,
                                .length_field = LengthField::u8,
                                .length_adjustment = 2,
                                .initial_bytes_to_strip = 0};
    check_any_split(LengthPrefixedDecoder(format), wire("A\2hiCKB\0CK"), wire("[A\2hiCK][B\0CK]"));
  }

  TEST_CASE("a length may count its own header") {
    const LengthPrefixed format{.length_field = LengthField::u8, .length_adjustment = -1};
    check_any_split(LengthPrefixedDecoder(format), wire("\3hi\1"), "[hi][]");
    check_any_split(LengthPrefixedDecoder(format), wire("\3hi\0"), "[hi]error: bad-length at 3");
  }

  TEST_CASE("the longest allowed frame passes, and a longer one is refused at its header") {
    const LengthPrefixedDecoder up_to_8({.max_frame_bytes = 8});
    check_any_split(up_to_8, wire("\0\0\0\4abcd"), "[abcd]");
    check_any_split(up_to_8, wire("\0\0\0\5"), "error: too-large at 3");
    check_any_split(LengthPrefixedDecoder({.max_frame_bytes = 3}), wire("\0\0\0\0"),
                    "error: too-large at 3");
    check_any_split(LengthPrefixedDecoder({.max_frame_bytes = 4}), wire("\0\0\0\0"), "[]");
  }

  TEST_CASE("no length overflows or is truncated to a smaller type") {
    using enum LengthField;
    const std::string ones(8, '\xFF');
    check_any_split(LengthPrefixedDecoder(), ones, "error: too-large at 3");
    for (std::int64_t adjustment : {INT64_MIN, INT64_MAX, std::int64_t{8}, std::int64_t{-8}}) {
      CAPTURE(adjustment);
      check_any_split(LengthPrefixedDecoder({.length_field = u64, .length_adjustment = adjustment}),
                      ones + "x", "error: too-large at 7");
    }
    check_any_split(LengthPrefixedDecoder({.length_field = u64, .length_adjustment = INT64_MIN}),
                    wire("\x7F\0\0\0\0\0\0\0"), "error: bad-length at 7");
    check_any_split(LengthPrefixedDecoder({.length_field = u64, .length_adjustment = INT64_MIN}),
                    wire("\x80\0\0\0\0\0\0\2hi"), "[hi]");
    check_any_split(LengthPrefixedDecoder({.max_frame_bytes = SIZE_MAX, .length_field = u64}), ones,
                    "error: too-large at 7");
    check_any_split(LengthPrefixedDecoder({.length_field = varint}), wire("\x83\x80\x80\x80\x10x"),
                    "error: too-large at 4");
    check_any_split(LengthPrefixedDecoder({.length_field = varint}), std::string(9, '\xFF') + "\1",
                    "error: too-large at 9");
  }

  TEST_CASE("a varint of more than 64 bits is refused at its tenth byte") {
    const LengthPrefixedDecoder decoder({.length_field = LengthField::varint});
    check_any_split(decoder, std::string(9, '\x80') + "\2", "error: bad-varint at 9");
    check_any_split(decoder, std::string(10, '\x80'), "error: bad-varint at 9");
    check_any_split(decoder, std::string(9, '\x80'), "cut short");
  }

  TEST_CASE("a frame shorter than the bytes stripped from it is refused") {
    const LengthPrefixed format{.length_field = LengthField::u8, .initial_bytes_to_strip = 3};
    check_any_split(LengthPrefixedDecoder(format), wire("\2ab\3abc\1"),
                    "[][c]error: bad-strip at 7");
  }

  TEST_CASE("frames before a bad one are delivered, and none after it") {
    check_any_split(LengthPrefixedDecoder(), wire("\0\0\0\2ok\xFF\xFF\xFF\xFF\0\0\0\2no"),
                    "[ok]error: too-large at 9");
  }

  TEST_CASE("a stream that ends inside a header or a payload is truncated") {
    check_any_split(LengthPrefixedDecoder(), wire("\0\0\0"), "cut short");
    check_any_split(LengthPrefixedDecoder(), wire("\0\0\0\2h"), "cut short");
  }

  TEST_CASE("the encoder writes the wire format") {
    CHECK(encoded("hi", {}) == wire("\0\0\0\2hi"));
    CHECK(encoded("hi", {.length_field = LengthField::u16, .byte_order = std::endian::little}) ==
          wire("\2\0hi"));
    CHECK(encoded("hi", {.length_field = LengthField::u24}) == wire("\0\0\2hi"));
    CHECK(encoded(std::string(300, 'x'), {.length_field = LengthField::varint}) ==
          "\xAC\2" + std::string(300, 'x'));
    CHECK(encoded("hi", {.length_field_offset = 1, .length_field = LengthField::u8}, "A") ==
          wire("A\2hi"));
    CHECK(encoded("hi", {.length_field = LengthField::u8, .length_adjustment = -1}) ==
          wire("\3hi"));
    CHECK(encoded("hiCK", {.length_field = LengthField::u8, .length_adjustment = 2}) ==
          wire("\2hiCK"));
  }

  TEST_CASE("the encoder refuses what the decoder would not restore") {
    const std::string long_payload(256, 'x');
    CHECK(encoded(long_payload, {.length_field = LengthField::u8}) == "refused");
    CHECK(encoded("four", {.max_frame_bytes = 8}) == wire("\0\0\0\4four"));
    CHECK(encoded("hello", {.max_frame_bytes = 8}) == "refused");
    CHECK(encoded("", {.max_frame_bytes = 4}) == wire("\0\0\0\0"));
    CHECK(encoded("", {.max_frame_bytes = 3}) == "refused");
    CHECK(encoded("hi", {.length_adjustment = 3}) == "refused");
    CHECK(encoded("hi", {.length_field = LengthField::u8, .length_adjustment = -254}) == "refused");
    CHECK(encoded("hi", {.length_field = LengthField::u64, .length_adjustment = INT64_MIN}) ==
          wire("\x80\0\0\0\0\0\0\2hi"));
    CHECK(encoded("hi", {.length_field_offset = 1}) == "refused");
    CHECK(encoded("hi", {.initial_bytes_to_strip = 7}) == "refused");
    CHECK(encoded("hi!", {.initial_bytes_to_strip = 7}) == wire("\0\0\0\3hi!"));
  }

  TEST_CASE("decoding restores what was encoded, in every layout") {
    using enum LengthField;
    const LengthPrefixed formats[] = {
        {},
        {.length_field = u8},
        {.length_field = u24, .byte_order = std::endian::little},
        {.length_field = varint},
        {.length_field = u64, .length_adjustment = -8},
        {.length_field_offset = 3, .length_field = u16, .length_adjustment = 2}};
    for (const LengthPrefixed& format : formats) {
      check_round_trip(LengthPrefixedDecoder(format), [&](auto& out, std::string_view payload) {
        const std::string prefix(format.length_field_offset, 'p');
        return append_length_prefixed(out, protocols::as_bytes(payload), format,
                                      protocols::as_bytes(prefix));
      });
    }
  }

  TEST_CASE("whole frames cost no allocation, and a long frame costs linear time") {
    check_whole_frames_cost_no_allocation(LengthPrefixedDecoder(), wire("\0\0\0\2hi\0\0\0\0"), 2);
    const LengthPrefixed format{.max_frame_bytes = 2 << 20};
    check_linear(LengthPrefixedDecoder(format), encoded(std::string(1 << 20, 'x'), format));
  }

  TEST_CASE("long frames in small chunks use the memory of the frame before, until none follows") {
    if (below_valgrind()) {
      MESSAGE("skipped: below valgrind its allocator is in place of the one that counts");
      return;
    }
    LengthPrefixedDecoder decoder;
    const auto receive = [&](std::string_view bytes) {
      std::size_t frames = 0;
      for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 1460))) {
        decoder.feed(protocols::as_bytes(bytes.substr(0, 1460)));
        frames += count_frames(decoder);
      }
      return frames;
    };
    const std::string frame = encoded(std::string(64 << 10, 'x'), {});
    std::string stream;
    for (int i = 0; i < 12; ++i) stream += frame;
    const std::string_view wire = stream;
    const std::ptrdiff_t live = allocations::live_bytes();
    CHECK(receive(wire.substr(0, frame.size() + 100)) == 1);
    const std::size_t before = allocations::count();
    CHECK(receive(wire.substr(frame.size() + 100, 10 * frame.size())) == 10);
    CHECK(allocations::count() == before);
    CHECK(receive(wire.substr(11 * frame.size() + 100)) == 1);
    CHECK(allocations::live_bytes() - live < 1024);
  }

  TEST_CASE("a peer that announces 4 GiB and sends ten bytes costs under 1 KiB") {
    const LengthPrefixedDecoder generous({.max_frame_bytes = SIZE_MAX});
    check_costs_under_1_kib(generous, wire("\xFF\xFF\xFF\xFF"
                                           "abcdef"));
    check_costs_under_1_kib(LengthPrefixedDecoder(), wire("\xFF\xFF\xFF\xFF"
                                                          "abcdef"));
  }
}
