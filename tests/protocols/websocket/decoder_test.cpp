#include "protocols/websocket/decoder.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/websocket.hpp"

namespace ws = protocols::websocket;

TEST_SUITE("websocket decoder") {
  using websocket_test::big_endian;
  using websocket_test::binary;
  using websocket_test::closes;
  using websocket_test::closing;
  using websocket_test::continuation;
  using websocket_test::fin;
  using websocket_test::masked;
  using websocket_test::ping;
  using websocket_test::pong;
  using websocket_test::rsv1;
  using websocket_test::text;
  using websocket_test::unmasked;

  static ws::MessageDecoder server(ws::Settings settings = {}) {
    settings.role = ws::Role::server;
    return ws::MessageDecoder(settings);
  }

  static ws::MessageDecoder client(ws::Settings settings = {}) {
    settings.role = ws::Role::client;
    return ws::MessageDecoder(settings);
  }

  // Both roles, and messages whole and in pieces, must give the same.
  static void check_all(const std::vector<std::pair<unsigned, std::string>>& frames,
                        std::string_view expected) {
    std::string from_client, from_server;
    for (const auto& [first, payload] : frames) {
      from_client += masked(first, payload);
      from_server += unmasked(first, payload);
    }
    check_any_split(server(), from_client, expected);
    check_any_split(client(), from_server, expected);
    check_any_split(server({.in_pieces = true}), from_client, expected, Frames::pieces);
    check_any_split(client({.in_pieces = true}), from_server, expected, Frames::pieces);
  }

  // The same error in both roles; the index is that of a server's.
  static void check_refused(unsigned first, std::string_view payload, std::string_view error) {
    check_any_split(server(), masked(fin | text, "ok") + masked(first, payload),
                    "text(ok)error: " + std::string(error));
  }

  TEST_CASE("reserved opcodes and bits are refused at the first byte of a frame") {
    for (unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
      check_refused(fin | opcode, "x", "reserved-opcode at 8");
    }
    for (unsigned bits : {0x10U, 0x20U, 0x40U, 0x70U}) {
      check_refused(fin | bits | text, "x", "rsv-bits at 8");
      check_refused(fin | bits | ping, "", "rsv-bits at 8");
    }
  }

  TEST_CASE("a continuation needs a message, and a message ends before the next one") {
    check_refused(fin | continuation, "x", "unexpected-continuation at 8");
    check_refused(continuation, "", "unexpected-continuation at 8");
    check_any_split(server(), masked(text, "a") + masked(fin | text, "b"),
                    "error: expected-continuation at 7");
    check_any_split(server(), masked(binary, "a") + masked(binary | rsv1, "b"),
                    "error: expected-continuation at 7");
    check_any_split(server(), masked(binary, "a") + masked(continuation | rsv1, "b"),
                    "error: rsv-bits at 7");
  }

  TEST_CASE("control frames are whole and have at most 125 bytes") {
    for (unsigned opcode : {closes, ping, pong}) {
      check_refused(opcode, "", "fragmented-control at 8");
      check_refused(fin | opcode, std::string(126, 'x'), "control-too-long at 9");
      check_refused(fin | opcode, std::string(65536, 'x'), "control-too-long at 9");
    }
    const std::string longest(125, 'x');
    check_all({{fin | ping, longest}, {fin | pong, ""}}, "ping(" + longest + ")pong()");
  }

  TEST_CASE("a client's frames are masked, and a server's are not") {
    check_any_split(server(), unmasked(fin | text, "hi"), "error: mask-required at 1");
    check_any_split(client(), masked(fin | text, "hi"), "error: mask-forbidden at 1");
    check_any_split(server(), unmasked(fin | closes, ""), "error: mask-required at 1");
  }

  TEST_CASE("a length takes as few bytes as it needs, and no more than 63 bits") {
    const std::string begin = "\x82";
    check_any_split(client(), begin + '\x7E' + big_endian(125, 2),
                    "error: non-minimal-length at 3");
    check_any_split(client(), begin + '\x7F' + big_endian(65535, 8),
                    "error: non-minimal-length at 9");
    check_any_split(client(), begin + '\x7F' + '\x80', "error: length-msb at 2");
    check_any_split(client(), begin + '\x7F' + big_endian(UINT64_MAX, 8), "error: length-msb at 2");
    for (std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U}) {
      const std::string payload(size, 'x');
      const auto wire = [&](auto frame) { return frame(fin | binary, payload); };
      const std::string expected = "binary(" + payload + ")";
      check_any_split(client(), wire(unmasked), expected);
      check_any_split(server({.in_pieces = true}), masked(fin | binary, payload), expected,
                      Frames::pieces);
    }
  }

  TEST_CASE("limits are exact, and a longer frame or message is refused at its length") {
    const ws::Settings settings{.max_frame_bytes = 200, .max_message_bytes = 300};
    check_any_split(server(settings), masked(fin | text, std::string(200, 'x')),
                    "text(" + std::string(200, 'x') + ")");
    check_any_split(server(settings), masked(fin | text, std::string(201, 'x')),
                    "error: too-large at 3");
    check_any_split(server(settings),
                    masked(text, std::string(200, 'x')) + masked(fin, std::string(100, 'y')),
                    "text(" + std::string(200, 'x') + std::string(100, 'y') + ")");
    check_any_split(server(settings),
                    masked(text, std::string(200, 'x')) + masked(fin, std::string(101, 'y')),
                    "error: too-large at 209");
    check_any_split(server({.max_frame_bytes = UINT64_MAX, .max_message_bytes = UINT64_MAX}),
                    "\x82\xFF\x7F" + std::string(7, '\xFF'), "cut short");
  }

  TEST_CASE("an announced length costs no memory before the bytes arrive") {
    const ws::Settings settings{.max_frame_bytes = INT64_MAX, .max_message_bytes = INT64_MAX};
    check_costs_under_1_kib(client(settings), "\x82\x7F" + big_endian(INT64_MAX, 8) + "abc");
    check_costs_under_1_kib(server(settings), "\x82\xFF" + big_endian(INT64_MAX, 8) + "keykabc");
  }

  TEST_CASE("messages, fragments and the control frames between them arrive in order") {
    check_all({{fin | text, "hi"}, {fin | binary, std::string("\0\xFF", 2)}, {fin | text, ""}},
              std::string("text(hi)binary(\0\xFF)text()", 24));
    check_all({{text, ""}, {continuation, "ab"}, {continuation, ""}, {fin, "c"}, {fin | text, "d"}},
              "text(abc)text(d)");
    check_all({{text, ""}, {continuation, ""}, {fin, ""}}, "text()");
    check_any_split(server(),
                    masked(text, "a") + masked(fin | ping, "1") + masked(0, "b") +
                        masked(fin | pong, "2") + masked(fin, "c"),
                    "ping(1)pong(2)text(abc)");
  }

  TEST_CASE("a message's extent reaches back to its first frame, or to the control frame inside") {
    ws::MessageDecoder decoder = server();
    const std::string wire = masked(fin | text, "a") + masked(binary, "bc") +
                             masked(continuation, "") + masked(fin, "d") + masked(text, "e") +
                             masked(fin | ping, "") + masked(continuation, "f") + masked(fin, "");
    const Transcript seen = transcript(decoder, {wire});
    CHECK(seen.line == "text(a)binary(bcd)ping()text(ef)");
    CHECK(seen.extents == std::vector<protocols::Extent>{{0, 7}, {7, 21}, {35, 6}, {41, 13}});
  }

  TEST_CASE("text is UTF-8 across fragments, and refused at the first byte that is not") {
    check_any_split(server(),
                    masked(text, "\xC3") + masked(fin | ping, "\xFF") + masked(fin, "\xA4") +
                        masked(fin | binary, "\xFF"),
                    "ping(\xFF)text(\xC3\xA4)binary(\xFF)");
    check_any_split(server(), masked(fin | text, "ab\xC0z"), "error: invalid-utf8 at 8");
    check_any_split(client(), unmasked(text, "ab\xED") + unmasked(fin, "\xA0z"),
                    "error: invalid-utf8 at 7");
    check_any_split(client(), unmasked(fin | text, "ab\xE2\x82"), "error: invalid-utf8 at 5");
    check_any_split(client(), unmasked(text, "\xE2\x82") + unmasked(fin, ""),
                    "error: invalid-utf8 at 5");
    check_any_split(client({.in_pieces = true}), unmasked(text, "\xE2\x82") + unmasked(fin, "zz"),
                    "text(\xE2\x82"
                    "error: invalid-utf8 at 6",
                    Frames::pieces);
    // The rest of a long frame need not arrive.
    check_any_split(client(), "\x81\x7E\xFF\xFFok\xFF", "error: invalid-utf8 at 6");
  }

  TEST_CASE("a close frame has no payload, or a code that may be sent and a reason in UTF-8") {
    check_any_split(server(), masked(fin | closes, ""), "close(1005 )");
    check_any_split(server(), masked(fin | closes, "\x03"), "error: close-length at 1");
    for (unsigned code :
         {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
      check_any_split(server(), masked(fin | closes, closing(code, "why")),
                      "error: close-code at 7");
    }
    for (unsigned code : {1000U, 1003U, 1007U, 1011U, 1012U, 1014U, 3000U, 4999U}) {
      check_any_split(server(), masked(fin | closes, closing(code)),
                      "close(" + std::to_string(code) + " )");
    }
    const std::string longest(123, 'x');
    check_any_split(server(), masked(fin | closes, closing(1000, longest)),
                    "close(1000 " + longest + ")");
    check_any_split(server(), masked(fin | closes, closing(1000, "a\xFFz")),
                    "error: invalid-utf8 at 9");
    check_any_split(server(), masked(fin | closes, closing(1000, "a\xC3")),
                    "error: invalid-utf8 at 9");
  }

  TEST_CASE("a stream that ends inside a frame or between fragments is cut short") {
    check_any_split(server(), masked(fin | text, "hi").substr(0, 7), "cut short");
    check_any_split(server(), masked(text, "hi"), "cut short");
    check_any_split(server(), masked(text, "hi") + masked(fin | ping, ""), "ping()cut short");
    check_any_split(server(), masked(fin | closes, closing(1000)).substr(0, 7), "cut short");
  }

  TEST_CASE("nothing after a close frame is read") {
    const std::string end = masked(fin | closes, closing(1000, "bye"));
    check_any_split(server(), masked(fin | text, "a") + end + masked(fin | text, "b"),
                    "text(a)close(1000 bye)");
    check_any_split(server(), end + "\xFF\xFF\xFF", "close(1000 bye)");
    check_any_split(server(), masked(text, "a") + end, "close(1000 bye)");
    check_any_split(server(), end + end, "close(1000 bye)");
  }

  TEST_CASE("each mask and each length of a payload is unmasked at any alignment") {
    std::string wire, expected;
    for (unsigned size = 0; size < 70; ++size) {
      std::string payload;
      for (unsigned i = 0; i < size; ++i) payload += static_cast<char>(i * 7 + size);
      wire += masked(fin | binary, payload, big_endian(size * 0x01F3D7A5U, 4));
      expected += "binary(" + payload + ")";
    }
    check_any_split(server(), wire, expected);
    check_any_split(server({.in_pieces = true}), wire, expected, Frames::pieces);
  }

  TEST_CASE("pieces are reported as they arrive, with marks on the first and the last") {
    ws::MessageDecoder decoder = client({.max_message_bytes = 1 << 30, .in_pieces = true});
    const std::string wire = unmasked(text, "") + unmasked(0, "abcd") + unmasked(fin, "ef");
    std::string seen;
    for (std::string_view piece : {wire.substr(0, 6), wire.substr(6)}) {
      decoder.feed(protocols::as_bytes(piece));
      while (const auto event = decoder.next()) {
        seen += (event->first ? "<" : "") + std::string(event->text()) + (event->last ? ">" : "|");
      }
    }
    CHECK(seen == "<ab|cd|ef>");
  }

  TEST_CASE("small messages cost no allocation once there is room, and a view nothing at all") {
    check_whole_frames_cost_no_allocation(
        client(), unmasked(fin | text, "hi") + unmasked(fin | ping, "ho"), 2);
    ws::MessageDecoder decoder = server();
    const std::string wire = masked(fin | text, "hi");
    decoder.feed(protocols::as_bytes(wire));
    CHECK(count_frames(decoder) == 1);
    const std::size_t before = allocations::count();
    decoder.feed(protocols::as_bytes(wire));
    CHECK(count_frames(decoder) == 1);
    CHECK(allocations::count() == before);
  }

  TEST_CASE("a long message costs linear time, and its memory is given back") {
    const std::string payload(1 << 20, 'x');
    check_linear(server(), masked(fin | text, payload));
    check_linear(client(), unmasked(fin | text, payload));

    const std::ptrdiff_t before = allocations::live_bytes();
    ws::MessageDecoder decoder = server();
    const std::string wire = masked(fin | text, payload);
    decoder.feed(protocols::as_bytes(wire));
    CHECK(count_frames(decoder) == 1);
    CHECK(allocations::live_bytes() - before <
          static_cast<std::ptrdiff_t>(wire.capacity()) + 70'000);
  }
}
