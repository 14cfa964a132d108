#include "protocols/frame_decoder.hpp"

#include "support/any_split.hpp"

using protocols::Bytes;
using protocols::DecodeError;
using protocols::Extent;
using protocols::FrameDecoder;
using protocols::Parsed;

namespace {

// One digit, then that many letters: "2ab". A space between frames is ignored and '!' is an error.
// The frame "0" is followed by a second frame that takes no byte.
struct Digits {
  using Frame = std::string_view;
  struct Progress {};

  Parsed<Frame> parse(Bytes bytes, Progress&) {
    if (echo_zero) {
      echo_zero = false;
      return Parsed<Frame>::frame("zero", 0);
    }
    const std::string_view text = protocols::as_text(bytes);
    if (text[0] == ' ') return Parsed<Frame>::skip(1);
    if (text[0] == '!') return Parsed<Frame>::fail(DecodeError::bad_length, 0);
    const auto size = static_cast<std::size_t>(text[0] - '0');
    if (text.size() < 1 + size) return Parsed<Frame>::need(1 + size);
    echo_zero = size == 0;
    return Parsed<Frame>::frame(text.substr(1, size), 1 + size, size == 0 ? 0 : 1);
  }

  bool at_boundary() const { return !echo_zero; }

  bool echo_zero = false;
};
using DigitDecoder = FrameDecoder<Digits>;

// Every byte is an error of another category.
struct Nothing {
  using Frame = std::string_view;
  using Progress = protocols::NoProgress;
  Parsed<Frame> parse(Bytes, Progress&) const {
    return Parsed<Frame>::fail(std::make_error_code(std::errc::not_supported), 0);
  }
};

template <class Type>
struct WithFrame {
  using Frame = Type;
  using Progress = protocols::NoProgress;
  Parsed<Frame> parse(Bytes, Progress&) const;
};
struct Uncopyable {
  Uncopyable() = default;
  Uncopyable(Uncopyable&&) = default;
};
struct NotMadeByDefault {
  explicit NotMadeByDefault(int);
};

}  // namespace

TEST_SUITE("frame_decoder") {
  TEST_CASE("frames, skips and errors of a protocol do not depend on where the stream is cut") {
    check_any_split(DigitDecoder(), "2ab 3abc1a9abcdefghi", "[ab][abc][a][abcdefghi]");
    check_any_split(DigitDecoder(), "2ab  ", "[ab]");
    check_any_split(DigitDecoder(), "2ab3a", "[ab]cut short");
    check_any_split(DigitDecoder(), " 1a!1b", "[a]error: bad-length at 3");
  }

  TEST_CASE("a frame may consume no byte") {
    check_any_split(DigitDecoder(), "01a0", "[][zero][a][][zero]");
  }

  TEST_CASE("drain() stops where the callback asks for it, and goes on there") {
    DigitDecoder decoder;
    decoder.feed(protocols::as_bytes("1a 1b1c1"));
    std::string frames;
    const auto until_b = [&](std::string_view frame) { return (frames += frame).back() != 'b'; };
    CHECK_FALSE(decoder.drain(until_b));
    CHECK(frames == "ab");
    CHECK(decoder.extent() == Extent{3, 2});
    CHECK(decoder.next() == "c");
    CHECK(decoder.drain(until_b));
    decoder.feed(protocols::as_bytes("d!1e"));
    CHECK(decoder.drain(until_b));
    CHECK(frames == "abd");
    CHECK(decoder.error() == DecodeError::bad_length);
    CHECK(decoder.extent() == Extent{9, 1});
    CHECK(decoder.drain(until_b));
  }

  TEST_CASE("drain() has consumed a frame when its callback throws") {
    DigitDecoder decoder;
    decoder.feed(protocols::as_bytes("1a1b"));
    CHECK_THROWS_AS(decoder.drain([](std::string_view) -> bool { throw 1; }), int);
    decoder.copy_tail();
    CHECK(decoder.next() == "b");
    CHECK(decoder.at_boundary());
  }

  TEST_CASE("the callback of drain() may use the decoder") {
    DigitDecoder decoder;
    std::string frames;
    const auto drain = [&](std::string_view wire, auto use) {
      decoder = DigitDecoder();
      frames.clear();
      decoder.feed(protocols::as_bytes(wire));
      CHECK(decoder.drain([&](std::string_view frame) {
        frames += frame;
        if (frame == "x") use();
        return true;
      }));
      return frames;
    };
    CHECK(drain("1a1x1b1c", [&] { frames += *decoder.next(); }) == "axbc");
    CHECK(drain("1a1x1b1c", [&] { decoder.copy_tail(); }) == "axbc");
    CHECK(drain("1a1x1b1c", [&] { CHECK(protocols::as_text(decoder.rest()) == "1b1c"); }) ==
          "axbc");
    CHECK(drain("1a1x1b1", [&] { decoder.feed(protocols::as_bytes("c1d")); }) == "axbcd");
    CHECK(drain("1a1x1b1c", [&] { decoder = DigitDecoder(); }) == "ax");
    CHECK(drain("1a1x1b1c", [&] {
            decoder = DigitDecoder();
            decoder.feed(protocols::as_bytes("1d"));
          }) == "axd");
  }

  TEST_CASE("extents report where each frame is, without the bytes between frames") {
    DigitDecoder decoder;
    decoder.feed(protocols::as_bytes(" 2ab!"));
    REQUIRE(decoder.next());
    CHECK(decoder.extent() == Extent{1, 3});
    CHECK_FALSE(decoder.next());
    CHECK(decoder.error() == DecodeError::bad_length);
    CHECK(decoder.extent() == Extent{4, 1});
  }

  TEST_CASE("a frame that is entirely inside a chunk is a view of it") {
    const std::string chunk = "2ab3abc";
    DigitDecoder decoder;
    decoder.feed(protocols::as_bytes(chunk));
    CHECK(decoder.next()->data() == chunk.data() + 1);
    CHECK(decoder.next()->data() == chunk.data() + 4);
  }

  TEST_CASE(
      "after a frame that spans two chunks, later frames are views of the second chunk again") {
    DigitDecoder decoder;
    decoder.feed(protocols::as_bytes("3a"));
    CHECK_FALSE(decoder.next());
    const std::string chunk = "bc2de";
    decoder.feed(protocols::as_bytes(chunk));
    CHECK(*decoder.next() == "abc");
    CHECK(decoder.next()->data() == chunk.data() + 3);
  }

  TEST_CASE("an error is final: bytes fed afterwards are ignored") {
    DigitDecoder decoder;
    decoder.feed(protocols::as_bytes("!"));
    CHECK_FALSE(decoder.next());
    decoder.feed(protocols::as_bytes("2ab"));
    CHECK_FALSE(decoder.next());
    CHECK(decoder.error() == DecodeError::bad_length);
    CHECK(decoder.extent().offset == 0);
    CHECK(decoder.rest().empty());
  }

  TEST_CASE("a protocol fails with an error of its own category") {
    FrameDecoder<Nothing> decoder;
    decoder.feed(protocols::as_bytes("x"));
    CHECK_FALSE(decoder.next());
    CHECK(decoder.error() == std::make_error_code(std::errc::not_supported));
  }

  TEST_CASE("a frame is a copyable value that can be made empty") {
    static_assert(protocols::Protocol<WithFrame<std::string_view>>);
    static_assert(!protocols::Protocol<WithFrame<const std::string_view>>);
    static_assert(!protocols::Protocol<WithFrame<int&>>);
    static_assert(!protocols::Protocol<WithFrame<Uncopyable>>);
    static_assert(!protocols::Protocol<WithFrame<NotMadeByDefault>>);
  }

  TEST_CASE("the rest can be passed to another protocol, wherever the stream was cut") {
    DigitDecoder decoder;
    decoder.feed(protocols::as_bytes("2a"));
    CHECK_FALSE(decoder.next());
    decoder.feed(protocols::as_bytes("bHELLO"));
    CHECK(*decoder.next() == "ab");
    CHECK(protocols::as_text(decoder.rest()) == "HELLO");
  }
}
