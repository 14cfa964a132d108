#include "fuzz/fuzz.hpp"
#include "protocols/websocket/decoder.hpp"
#include "protocols/websocket/deflate_offer.hpp"
#include "protocols/websocket/encoder.hpp"
#include "support/websocket.hpp"

namespace websocket_fuzz {

namespace ws = protocols::websocket;

using Wire = std::vector<std::byte>;

// The complete messages, whose place between control frames differs when they arrive in pieces.
std::string messages(const ws::Settings& settings, std::string_view wire) {
  ws::MessageDecoder decoder(settings);
  decoder.feed(protocols::as_bytes(wire));
  std::string complete, message;
  while (const auto event = decoder.next()) {
    if (event->kind > ws::Event::Kind::binary) continue;
    message += describe(*event);
    if (event->last) complete += std::exchange(message, {});
  }
  return complete;
}

// The input is cut into what is sent, each in the way that its first byte chooses.
void round_trip(fuzz::Input input, ws::Role sender) {
  std::uint32_t next = 1;
  const auto next_key = [&next] {
    next = next * 1664525 + 1013904223;
    return ws::MaskKey{std::byte(next), std::byte(next >> 8), std::byte(next >> 16),
                       std::byte(next >> 24)};
  };
  ws::Encoder encoder = sender == ws::Role::client ? ws::Encoder(next_key) : ws::Encoder();
  Wire wire;
  std::string expected, unfinished;
  while (!input.rest().empty()) {
    const std::size_t kind = input.number(5);
    const std::string_view content = input.bytes(input.number(200));
    const protocols::Bytes bytes = protocols::as_bytes(content);
    const std::string shown(content);
    const std::size_t before = wire.size();
    bool sent = false;
    if (kind == 0 && (sent = encoder.text(wire, content))) expected += "text(" + shown + ")";
    if (kind == 1 && (sent = encoder.binary(wire, bytes))) expected += "binary(" + shown + ")";
    if (kind == 2 && (sent = encoder.ping(wire, bytes))) expected += "ping(" + shown + ")";
    if (kind == 3 && (sent = encoder.pong(wire, bytes))) expected += "pong(" + shown + ")";
    if (kind == 4) {
      const bool last = content.size() % 2 == 0;
      sent = encoder.piece(wire, ws::Event::Kind::binary, bytes, last);
      if (sent) unfinished += shown;
      if (sent && last) expected += "binary(" + std::exchange(unfinished, {}) + ")";
    }
    if (kind == 5 && !content.empty()) {
      const auto code = static_cast<std::uint16_t>(1000 + static_cast<signed char>(content[0]));
      sent = encoder.close(wire, code, content.substr(1));
      const std::string reason(content.substr(1));
      if (sent) expected += "close(" + std::to_string(code) + " " + reason + ")";
    }
    fuzz::require(sent || wire.size() == before, "something refused was written");
  }
  const ws::Role receiver = sender == ws::Role::client ? ws::Role::server : ws::Role::client;
  const std::string line =
      transcript(ws::MessageDecoder(ws::Settings{.role = receiver}), {protocols::as_text(wire)})
          .line;
  fuzz::require(line == expected || line == expected + "cut short",
                "what was sent came as " + line);
}

void fuzz_one(fuzz::Input input) {
  const std::size_t options = input.number(3);
  ws::Settings settings;
  settings.role = options % 2 == 0 ? ws::Role::server : ws::Role::client;
  if (options >= 2) settings.max_frame_bytes = 100, settings.max_message_bytes = 150;
  const std::string_view wire = input.rest();
  fuzz::check_any_split(ws::MessageDecoder(settings), wire);

  const std::string whole = messages(settings, wire);
  settings.in_pieces = true;
  fuzz::require(messages(settings, wire) == whole, "the pieces make other messages");

  round_trip(input, options % 2 == 0 ? ws::Role::client : ws::Role::server);

  if (const auto choice = ws::choose_deflate(wire)) {
    const auto again = ws::choose_deflate(choice->field);
    fuzz::require(again && again->parameters == choice->parameters, "a choice is no offer");
  }
  (void)ws::read_deflate_response(wire);
}

const fuzz::Target target("websocket", fuzz_one);

}  // namespace websocket_fuzz
