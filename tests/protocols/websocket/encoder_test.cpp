#include "protocols/websocket/encoder.hpp"

#include "protocols/websocket/decoder.hpp"
#include "support/any_split.hpp"
#include "support/round_trip.hpp"
#include "support/websocket.hpp"

namespace ws = protocols::websocket;
using protocols::as_bytes;
using protocols::as_text;

TEST_SUITE("websocket encoder") {
  using Wire = std::vector<std::byte>;

  static ws::MaskKey some_key() {
    return {std::byte{0x37}, std::byte{0xFA}, std::byte{0x21}, std::byte{0x3D}};
  }

  TEST_CASE("what may not be sent is refused and writes nothing") {
    ws::Encoder server;
    Wire out;
    CHECK(!server.text(out, "\xFF"));
    CHECK(!server.ping(out, as_bytes(std::string(126, 'x'))));
    CHECK(!server.pong(out, as_bytes(std::string(126, 'x'))));
    const std::uint16_t forbidden[] = {0, 999, 1004, 1006, 1015, 2999, 5000};
    for (const std::uint16_t code : forbidden) {
      CHECK(!server.close(out, code));
    }
    CHECK(!server.close(out, 1000, std::string(124, 'x')));
    CHECK(!server.close(out, 1000, "\xC3"));
    CHECK(!server.close(out, ws::close_code::none, "why"));
    CHECK(!server.piece(out, ws::Event::Kind::ping, {}, true));
    CHECK(!server.compressed(out, ws::Event::Kind::close, {}));
    CHECK(!server.closed());
    CHECK(out.empty());
  }

  TEST_CASE("another message cannot begin inside one, and nothing follows a close frame") {
    ws::Encoder server;
    Wire out;
    CHECK(server.piece(out, ws::Event::Kind::text, as_bytes("a"), false));
    CHECK(!server.text(out, "b"));
    CHECK(!server.binary(out, {}));
    CHECK(!server.compressed(out, ws::Event::Kind::text, {}));
    CHECK(server.ping(out, as_bytes("p")));
    CHECK(server.piece(out, ws::Event::Kind::text, as_bytes("c"), true));
    CHECK(server.close(out, 1000, "bye"));
    CHECK(server.closed());
    CHECK(!server.text(out, "d"));
    CHECK(!server.ping(out));
    CHECK(!server.close(out));
    check_any_split(ws::MessageDecoder(ws::Settings{.role = ws::Role::client}), as_text(out),
                    "ping(p)text(ac)close(1000 bye)");
  }

  TEST_CASE("the examples of RFC 6455 5.7 are written byte for byte") {
    Wire out;
    CHECK(ws::Encoder().text(out, "Hello"));
    CHECK(as_text(out) == "\x81\x05Hello");
    out.clear();
    CHECK(ws::Encoder(some_key).text(out, "Hello"));
    CHECK(as_text(out) == "\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58");
    out.clear();
    CHECK(ws::Encoder().ping(out, as_bytes("Hello")));
    CHECK(as_text(out) == "\x89\x05Hello");
    out.clear();
    CHECK(ws::Encoder().close(out, ws::close_code::none));
    CHECK(as_text(out) == std::string_view("\x88\0", 2));
    out.clear();
    CHECK(ws::Encoder().compressed(out, ws::Event::Kind::binary, as_bytes("xx")));
    CHECK(as_text(out) == "\xC2\x02xx");
  }

  TEST_CASE("every frame of a client gets a key of its own") {
    unsigned char next = 0;
    ws::Encoder client([&] { return ws::MaskKey{std::byte{++next}}; });
    Wire out;
    CHECK(client.text(out, "a"));
    CHECK(client.ping(out));
    CHECK(client.close(out));
    CHECK(next == 3);
    check_any_split(ws::MessageDecoder(), as_text(out), "text(a)ping()close(1000 )");
  }

  TEST_CASE("what was encoded is decoded, in either direction") {
    const auto describe_payload = [](std::string_view payload) {
      return "binary(" + std::string(payload) + ")";
    };
    std::minstd_rand random(1);
    ws::Encoder client([&] {
      ws::MaskKey key;
      for (std::byte& byte : key) byte = static_cast<std::byte>(random());
      return key;
    });
    check_round_trip(
        ws::MessageDecoder(),
        [&](auto& out, std::string_view payload) { return client.binary(out, as_bytes(payload)); },
        70000, describe_payload);
    ws::Encoder server;
    check_round_trip(
        ws::MessageDecoder(ws::Settings{.role = ws::Role::client}),
        [&](auto& out, std::string_view payload) { return server.binary(out, as_bytes(payload)); },
        longest_round_trip, describe_payload);
  }

  TEST_CASE("a header alone, and a payload that is masked in parts, make the same frame") {
    const std::string payload(1000, 'x');
    Wire whole, parts;
    const ws::FrameHeader header{.opcode = ws::Opcode::text, .last = false, .key = some_key()};
    append_frame(whole, header, as_bytes(payload));
    append_frame_header(parts, header, payload.size());
    for (std::size_t begin = 0; begin < payload.size(); begin += 333) {
      const protocols::Bytes piece =
          as_bytes(payload).subspan(begin, std::min<std::size_t>(333, payload.size() - begin));
      const std::size_t at = parts.size();
      parts.insert(parts.end(), piece.begin(), piece.end());
      ws::apply_mask(std::span(parts).subspan(at), *header.key, begin);
    }
    CHECK(parts == whole);
  }
}
