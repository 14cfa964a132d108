#include "protocols/output.hpp"

#include <doctest/doctest.h>

#include <string>

#include "protocols/cobs.hpp"
#include "protocols/content_length_block.hpp"
#include "protocols/delimited.hpp"
#include "protocols/fixed.hpp"
#include "protocols/http/encoder.hpp"
#include "protocols/json_header.hpp"
#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "protocols/netstring.hpp"
#include "protocols/slip.hpp"

using namespace protocols;

namespace {

using Vector = std::vector<std::byte>;

// Sends parts, as a stream does.
struct Parts {
  void write(Bytes bytes) { write(std::span(&bytes, 1)); }
  void write(std::span<const Bytes> parts) {
    for (const Bytes part : parts) wire.insert(wire.end(), part.begin(), part.end());
    ++writes;
  }
  std::span<std::byte> reserve(std::size_t size) {
    room.resize(size);
    return room;
  }

  Vector wire, room;
  int writes = 0;
};
static_assert(Output<Parts>);
static_assert(!Output<std::string>);

// What an encoder writes to a stream, if that is what it writes to a vector.
template <class Encode>
std::string written(const Encode& encode) {
  Vector out;
  Parts parts;
  const bool done = encode(out);
  CHECK(encode(parts) == done);
  CHECK((parts.wire == out));
  if (!done) {
    CHECK(out.empty());
    CHECK(parts.writes == 0);
    return "refused";
  }
  return std::string(as_text(out));
}

}  // namespace

TEST_SUITE("output") {
  TEST_CASE("each encoder writes the same bytes to a vector and to a stream") {
    std::string binary;
    for (int i = 0; i < 600; ++i) binary += static_cast<char>(i % 256);
    for (const std::string& payload : {std::string(), std::string("abc"), std::string(300, '\xC0'),
                                       std::string(509, 'x'), binary}) {
      CAPTURE(payload.size());
      const Bytes bytes = as_bytes(payload);
      const auto check = [](const auto& encode) { CHECK(written(encode) != "refused"); };
      check([&](auto& out) { return append_cobs(out, bytes), true; });
      check([&](auto& out) { return append_content_block(out, bytes), true; });
      check([&](auto& out) { return append_netstring(out, bytes), true; });
      check([&](auto& out) { return append_json_header(out, payload), true; });
      check([&](auto& out) { return append_fixed(out, bytes, {.frame_bytes = bytes.size()}); });
      check([&](auto& out) { return append_length_prefixed(out, bytes); });
      check([&](auto& out) { return append_delimited(out, bytes, {.delimiters = {"\n\n"}}); });
      if (!payload.empty()) check([&](auto& out) { return append_slip(out, bytes); });
      if (payload != binary) {
        check([&](auto& out) { return append_line(out, payload, LineEnd::crlf); });
      }
      written([&](auto& out) { return http::append_chunk(out, bytes), true; });
    }
  }

  TEST_CASE("a stream receives nothing of what is refused") {
    const auto refused = [](const auto& encode) { CHECK(written(encode) == "refused"); };
    const Bytes long_payload = as_bytes("a\nb");
    refused([&](auto& out) { return append_line(out, "a\nb"); });
    refused([&](auto& out) { return append_slip(out, {}); });
    refused([&](auto& out) { return append_fixed(out, long_payload, {.frame_bytes = 2}); });
    refused([&](auto& out) { return append_delimited(out, long_payload, {.delimiters = {"\n"}}); });
    refused([&](auto& out) {
      return append_length_prefixed(out, long_payload, {.max_frame_bytes = 6});
    });
  }

  TEST_CASE("a frame is written at once, unless it has many parts") {
    Parts parts;
    append_netstring(parts, as_bytes("hello"));
    CHECK(parts.writes == 1);
    CHECK(append_slip(parts, as_bytes("hello")));
    CHECK(parts.writes == 2);
    CHECK(append_slip(parts, as_bytes(std::string(30, '\xC0'))));
    CHECK(parts.writes == 4);
  }
}
