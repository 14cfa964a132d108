// Bugs that were reported of other implementations, tried on this one.
#include <array>

#include "protocols/websocket/decoder.hpp"
#include "protocols/websocket/deflate_offer.hpp"
#include "protocols/websocket/encoder.hpp"
#include "support/any_split.hpp"
#include "support/websocket.hpp"

namespace ws = protocols::websocket;

TEST_SUITE("websocket peer bugs") {
  using websocket_test::binary;
  using websocket_test::closes;
  using websocket_test::closing;
  using websocket_test::continuation;
  using websocket_test::fin;
  using websocket_test::masked;
  using websocket_test::rsv1;
  using websocket_test::text;
  using websocket_test::unmasked;

  // An inflater of data that is not compressed; it does not expect 00 00 FF FF inside a message.
  class Copier final : public ws::Inflater {
   public:
    Step inflate(protocols::Bytes in, std::span<std::byte> out) override {
      const std::size_t size = std::min(in.size(), out.size());
      std::copy_n(in.begin(), size, out.begin());
      return {.consumed = size, .produced = size};
    }
    void end_message() override {}
  };

  TEST_CASE("a binary message inside a binary message is not joined to it (oven-sh/bun #33001)") {
    check_any_split(ws::MessageDecoder(), masked(binary, "a") + masked(fin | binary, "b"),
                    "error: expected-continuation at 7");
    check_any_split(ws::MessageDecoder(), masked(binary, "a") + masked(binary, "b"),
                    "error: expected-continuation at 7");
  }

  TEST_CASE("RSV1 of a continuation fails also without an extension (oven-sh/bun #33395)") {
    check_any_split(ws::MessageDecoder(ws::Settings{.role = ws::Role::client}),
                    unmasked(text, "a") + unmasked(fin | rsv1 | continuation, "b"),
                    "error: rsv-bits at 3");
  }

  TEST_CASE("what follows a close frame is not processed (brazilofmux/tinymux #792)") {
    check_any_split(ws::MessageDecoder(),
                    masked(fin | closes, closing(1000)) + masked(fin | text, "shutdown"),
                    "close(1000 )");
  }

  TEST_CASE("a message of exactly the limit is accepted (Matheus28/ws28 #21)") {
    const ws::Settings settings{.max_frame_bytes = 4, .max_message_bytes = 4};
    check_any_split(ws::MessageDecoder(settings), masked(fin | text, "abcd"), "text(abcd)");
    check_any_split(ws::MessageDecoder(settings), masked(text, "abc") + masked(fin, "d"),
                    "text(abcd)");
  }

  TEST_CASE(
      "unmasking counts the bytes of the frame, not the inflated ones (ninenines/cowboy "
      "#552)") {
    const std::string frame = masked(fin | rsv1 | binary, "abcdefghij");
    const std::string expected = std::string("binary(abcdefghij\0\0\xFF\xFF)", 22);
    for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
      Copier copier;
      const ws::MessageDecoder decoder(ws::Settings{.inflater = &copier});
      const std::string_view wire = frame;
      CHECK(transcript(decoder, {wire.substr(0, cut), wire.substr(cut)}).line == expected);
    }
  }

  TEST_CASE("a close frame without a code is not echoed with a reserved one (ClusterWS/cWS #22)") {
    ws::MessageDecoder decoder;
    const std::string wire = masked(fin | closes, "");
    decoder.feed(protocols::as_bytes(wire));
    const auto event = decoder.next();
    REQUIRE(event);
    std::vector<std::byte> out;
    CHECK(ws::Encoder().close(out, event->code));
    CHECK(protocols::as_text(out) == std::string_view("\x88\0", 2));
  }

  TEST_CASE("a close frame in parts keeps its code and its reason (home-lang/home #395)") {
    check_any_split(ws::MessageDecoder(), masked(fin | closes, closing(4001, "a longer reason")),
                    "close(4001 a longer reason)");
  }

  TEST_CASE("a window of 8 is declined by a server (python-websockets/websockets #410, #1757)") {
    CHECK(!ws::choose_deflate("permessage-deflate; server_max_window_bits=8"));
    const auto fallback =
        ws::choose_deflate("permessage-deflate; server_max_window_bits=8, permessage-deflate");
    REQUIRE(fallback);
    CHECK(fallback->field == "permessage-deflate");
  }

  TEST_CASE(
      "an offer without client_max_window_bits is compressed all the same "
      "(python-websockets/websockets #1109)") {
    const auto choice = ws::choose_deflate(
        "permessage-deflate", {.server_max_window_bits = 12, .client_max_window_bits = 12});
    REQUIRE(choice);
    CHECK(choice->field == "permessage-deflate; server_max_window_bits=12");
  }

  TEST_CASE(
      "client_max_window_bits may have a value in an offer (crossbario/autobahn-python "
      "#276)") {
    const auto choice = ws::choose_deflate("permessage-deflate; client_max_window_bits=10");
    REQUIRE(choice);
    CHECK(choice->parameters.client_max_window_bits == 10);
  }

  TEST_CASE(
      "a server that takes no parameter of a usual offer is accepted "
      "(python-websockets/websockets #1046)") {
    const auto response = ws::read_deflate_response("permessage-deflate");
    CHECK(response.valid);
    CHECK(response.parameters == ws::DeflateParameters{});
  }
}
