#include "protocols/websocket/inflater.hpp"

#include "protocols/websocket/decoder.hpp"
#include "support/any_split.hpp"
#include "support/websocket.hpp"

namespace ws = protocols::websocket;

TEST_SUITE("websocket inflater") {
  using websocket_test::continuation;
  using websocket_test::fin;
  using websocket_test::masked;
  using websocket_test::ping;
  using websocket_test::rsv1;
  using websocket_test::text;

  // A compression of its own: a count, from '0' on, and the byte that is repeated. '!' is invalid;
  // 00 00 FF FF, which ends each message, means nothing.
  class Repeater final : public ws::Inflater {
   public:
    Step inflate(protocols::Bytes in, std::span<std::byte> out) override {
      Step step;
      for (;;) {
        for (; left_ > 0 && step.produced < out.size(); --left_) out[step.produced++] = byte_;
        if (step.produced == out.size() || step.consumed == in.size()) return step;
        const auto next = std::to_integer<unsigned char>(in[step.consumed++]);
        if (next == '!') step.failed = true;
        if (step.failed) return step;
        if (count_ < 0) {
          count_ = next == 0x00 || next == 0xFF ? 0 : (next - '0') * scale;
        } else {
          byte_ = std::byte{next};
          left_ = count_;
          count_ = -1;
        }
      }
    }

    void end_message() override { ++messages; }

    int scale = 1;
    int messages = 0;

   private:
    int count_ = -1;
    int left_ = 0;
    std::byte byte_{};
  };

  // As check_any_split, with an inflater for each cut.
  static void check_inflated(std::string_view wire, const std::string& expected,
                             ws::Settings settings = {}, int scale = 1) {
    std::string differing;
    const auto decode = [&](const Pieces& pieces) {
      Repeater repeater;
      repeater.scale = scale;
      settings.inflater = &repeater;
      return transcript(ws::MessageDecoder(settings), pieces).line;
    };
    CHECK(decode({wire}) == expected);
    for_each_split(wire, [&](const Pieces& pieces, const std::string& how) {
      if (differing.empty() && decode(pieces) != expected) differing = how + decode(pieces);
    });
    CHECK(differing == "");
  }

  TEST_CASE("compressed data that is wrong is refused, and so is RSV1 where it has no meaning") {
    check_inflated(masked(fin | rsv1 | text, "1a!"), "error: bad-deflate at 8");
    check_inflated(masked(fin | rsv1 | text, "1\xFF"), "error: invalid-utf8 at 7");
    check_inflated(masked(rsv1 | text, "1a") + masked(fin | rsv1 | continuation, "1b"),
                   "error: rsv-bits at 8");
    check_inflated(masked(fin | rsv1 | ping, "1a"), "error: rsv-bits at 0");
    check_inflated(masked(fin | 0x60U | text, "1a"), "error: rsv-bits at 0");
    check_any_split(ws::MessageDecoder(), masked(fin | rsv1 | text, "1a"), "error: rsv-bits at 0");
  }

  TEST_CASE("a compressed message is inflated, whole or in pieces and between others") {
    const std::string wire = masked(fin | text, "plain") + masked(fin | rsv1 | text, "3a2b") +
                             masked(rsv1 | text, "1") + masked(continuation, "") +
                             masked(fin | continuation, "c") + masked(fin | rsv1 | text, "");
    check_inflated(wire, "text(plain)text(aaabb)text(c)text()");
    check_inflated(wire, "text(plain)text(aaabb)text(c)text()", {.in_pieces = true});
    check_inflated(masked(rsv1 | text, "1a") + masked(fin | ping, "p") + masked(fin, "1b"),
                   "ping(p)text(ab)");

    Repeater repeater;
    ws::MessageDecoder decoder(ws::Settings{.inflater = &repeater});
    decoder.feed(protocols::as_bytes(wire));
    while (decoder.next()) {
    }
    CHECK(repeater.messages == 3);
  }

  TEST_CASE("an inflated message has the same limit, however small it was sent") {
    const std::string bomb = masked(fin | rsv1 | text, "9a9b9c");
    check_inflated(bomb, "error: too-large at 7", {.max_message_bytes = 89'999}, 10'000);
    const std::string all =
        std::string(90'000, 'a') + std::string(90'000, 'b') + std::string(90'000, 'c');
    check_inflated(bomb, "text(" + all + ")", {.max_message_bytes = 270'000}, 10'000);
    check_inflated(bomb, "text(" + all + ")", {.max_message_bytes = 270'000, .in_pieces = true},
                   10'000);
  }

  TEST_CASE("in pieces a small frame that inflates to much is reported in parts of 16 KiB") {
    Repeater repeater;
    repeater.scale = 10'000'000;
    ws::MessageDecoder decoder(
        ws::Settings{.max_message_bytes = 1 << 30, .in_pieces = true, .inflater = &repeater});
    const std::string wire = masked(fin | rsv1 | text, "9a9b");
    decoder.feed(protocols::as_bytes(wire));
    std::size_t largest = 0, total = 0, lasts = 0;
    while (const auto event = decoder.next()) {
      largest = std::max(largest, event->data.size());
      total += event->data.size();
      lasts += event->last;
    }
    CHECK(largest == 16384);
    CHECK(total == 180'000'000);
    CHECK(lasts == 1);
    CHECK(decoder.at_boundary());
  }
}
