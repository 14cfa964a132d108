#include "web/deflate.hpp"

#include <random>

#include "protocols/websocket/decoder.hpp"
#include "protocols/websocket/encoder.hpp"
#include "support/any_split.hpp"
#include "support/websocket.hpp"

namespace ws = protocols::websocket;
using protocols::as_bytes;
using protocols::as_text;

TEST_SUITE("web deflate") {
  using websocket_test::fin;
  using websocket_test::rsv1;
  using websocket_test::text;
  using websocket_test::unmasked;

  static std::string inflated(const Pieces& pieces, ws::Settings settings = {},
                              int window_bits = 15, bool no_context_takeover = false) {
    web::Inflate inflate(window_bits, no_context_takeover);
    settings.role = ws::Role::client;
    settings.inflater = &inflate;
    return transcript(ws::MessageDecoder(settings), pieces).line;
  }

  static void check_every_split(std::string_view wire, const std::string& expected) {
    std::string differing;
    for_each_split(wire, [&](const Pieces& pieces, const std::string& how) {
      const std::string line = inflated(pieces);
      if (differing.empty() && line != expected) differing = how + ": " + line;
    });
    CHECK(differing == "");
  }

  TEST_CASE("data that zlib refuses fails the connection with 1007, and a bomb with 1009") {
    CHECK(
        inflated({unmasked(fin | rsv1 | text, "\xFF\xFF\xFF")}).starts_with("error: bad-deflate"));
    std::vector<std::byte> out;
    web::Deflate deflate;
    CHECK(deflate.message(out, as_bytes(std::string(10'000'000, 'x'))));
    CHECK(out.size() < 20'000);
    const std::string bomb = unmasked(fin | rsv1 | text, as_text(out));
    CHECK(inflated({bomb}).starts_with("error: too-large"));
    CHECK(inflated({bomb}, {.max_message_bytes = 10'000'000}).size() == 10'000'006);
    CHECK(inflated({bomb}, {.max_message_bytes = 10'000'000, .in_pieces = true}).size() ==
          10'000'006);
  }

  TEST_CASE("the examples of RFC 7692 7.2.3 are inflated in every cut") {
    const std::string hello("\xF2\x48\xCD\xC9\xC9\x07\x00", 7);
    check_every_split(unmasked(fin | rsv1 | text, hello), "text(Hello)");
    check_every_split(unmasked(rsv1 | text, hello.substr(0, 3)) + unmasked(fin, hello.substr(3)),
                      "text(Hello)");
    // Refers to the message before.
    const std::string again("\xF2\x00\x11\x00\x00", 5);
    check_every_split(unmasked(fin | rsv1 | text, hello) + unmasked(fin | rsv1 | text, again),
                      "text(Hello)text(Hello)");
    const std::string stored("\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00", 11);
    check_every_split(unmasked(fin | rsv1 | text, stored), "text(Hello)");
    const std::string final_block("\xF3\x48\xCD\xC9\xC9\x07\x00\x00", 8);  // With BFINAL.
    check_every_split(unmasked(fin | rsv1 | text, final_block), "text(Hello)");
    const std::string two_blocks("\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00", 13);
    check_every_split(unmasked(fin | rsv1 | text, two_blocks), "text(Hello)");
    check_every_split(unmasked(fin | rsv1 | text, std::string_view("\0", 1)), "text()");
  }

  TEST_CASE("what was compressed comes back, with any window and with or without its context") {
    std::minstd_rand random(7);
    for (const int window_bits : {9, 12, 15}) {
      for (const bool no_context_takeover : {false, true}) {
        web::Deflate deflate(window_bits, no_context_takeover);
        ws::Encoder encoder;
        std::vector<std::byte> wire;
        std::string expected;
        for (const std::size_t size : {0U, 1U, 0U, 0U, 100U, 5000U, 70'000U, 0U, 300'000U, 10U}) {
          std::string message(size, 'x');
          for (char& c : message) c = static_cast<char>('a' + random() % (size % 7 + 1));
          std::vector<std::byte> compressed;
          CHECK(deflate.message(compressed, as_bytes(message)));
          CHECK(encoder.compressed(wire, ws::Event::Kind::text, compressed));
          expected += "text(" + message + ")";
        }
        CHECK(inflated(random_pieces(as_text(wire), random), {}, window_bits,
                       no_context_takeover) == expected);
        CHECK(inflated({as_text(wire)}, {.in_pieces = true}, window_bits, no_context_takeover) ==
              expected);
      }
    }
  }
}
