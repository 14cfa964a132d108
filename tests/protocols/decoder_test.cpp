#include "protocols/decoder.hpp"

#include <doctest/doctest.h>

#include <string>

#include "protocols/lines.hpp"

namespace {

// Has the interface of a Decoder and uses nothing of this library.
struct EchoDecoder {
  using Frame = protocols::Bytes;
  void feed(Frame bytes) { fed = bytes; }
  std::optional<Frame> next() {
    return fed.empty() ? std::nullopt : std::optional(std::exchange(fed, {}));
  }
  void copy_tail() {}
  std::error_code error() const { return {}; }
  bool at_boundary() const { return fed.empty(); }
  Frame fed;
};

struct NoDecoder {
  void feed(protocols::Bytes) {}
};

}  // namespace

static_assert(protocols::Decoder<protocols::LineDecoder>);
static_assert(protocols::Decoder<EchoDecoder>);
static_assert(!protocols::Decoder<NoDecoder>);
static_assert(!protocols::Decoder<std::string>);

TEST_SUITE("decoder") {
  TEST_CASE("any type with the interface of a decoder can be used as one") {
    EchoDecoder decoder;
    decoder.feed(protocols::as_bytes("hi"));
    CHECK_FALSE(decoder.at_boundary());
    CHECK(protocols::as_text(*decoder.next()) == "hi");
    CHECK_FALSE(decoder.next());
  }
}
