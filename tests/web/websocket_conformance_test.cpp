// The cases of the Autobahn suite's sections 1 to 7, 9 and 10, as peers of a server and of a
// client: what they send back, and the code with which they end.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "protocols/websocket/decoder.hpp"
#include "support/conformance.hpp"
#include "web/websockets.hpp"

using conformance::Json;
using protocols::websocket::MessageDecoder;
using protocols::websocket::Role;
using protocols::websocket::Settings;

namespace {

// What an endpoint that sends messages back sends for this case.
std::string expected_response(const Json& expect) {
  std::string all;
  for (const Json& event : expect["events"]) {
    const std::string type = event["type"];
    if (type == "close") {
      all += "close(" + std::to_string(event.value("code", 1005)) + " )";
    } else if (type != "pong") {
      all += (type == "ping" ? "pong" : type) + "(" + conformance::decoded(event["data_b64"]) + ")";
    }
  }
  if (expect["end"] == "error") {
    all += "close(" + std::to_string(expect["error"]["close_code"].get<int>()) + " )";
  }
  return all;
}

// The frames that a peer received, as events.
std::string events_of(const Peer& peer, Role reader) {
  MessageDecoder decoder(
      Settings{.role = reader, .max_frame_bytes = 1 << 23, .max_message_bytes = 1 << 23});
  const std::string frames = frames_of(peer);
  decoder.feed(protocols::as_bytes(frames));
  std::string all;
  while (const auto event = decoder.next()) all += describe(*event);
  return decoder.error() ? all + "error" : all;
}

void send_in_parts(reactor::Loop& loop, Peer& peer, std::string_view wire) {
  peer.send(wire.substr(0, wire.size() / 2));
  loop.poll();
  for (std::string_view rest = wire.substr(wire.size() / 2); !rest.empty() && !peer.over();) {
    rest.remove_prefix(peer.send_some(rest));
    loop.poll();
  }
}

template <class World>
void check_end(World& world, Peer& peer, Role reader, const std::string& expected, bool ends) {
  run_until(world.loop, [&] {
    return ends ? contains(events_of(peer, reader), "close(")
                : events_of(peer, reader).size() >= expected.size();
  });
  peer.finish();
  for (int i = 0; i < 3; ++i) world.loop.poll();
  CHECK(events_of(peer, reader) == expected);
}

void run(const Json& test) {
  const Json& expect = test["expect"];
  const std::size_t limit = test["config"]["max_message"];
  if (expect["verdict"] == "either" || test["config"]["max_frame"] == 1000) return;
  CAPTURE(test["source"].get<std::string>());
  const std::string wire = conformance::decoded(test["input_b64"]);
  const std::string expected = expected_response(expect);
  const bool ends = expect["end"] == "error" || expect["end"] == "closed";
  web::WebSocketOptions options;
  options.max_message_bytes = limit;
  options.max_queued_bytes = 8 << 20;
  if (test["config"]["role"] == "server") {
    WebSockets world(options);
    world.echo = true;
    Peer& peer = world.open();
    send_in_parts(world.loop, peer, wire);
    check_end(world, peer, Role::client, expected, ends);
  } else {
    Scripted world(options);
    world.accept();
    world.client->on_message([&](const auto& message) { world.client->send(message); });
    send_in_parts(world.loop, world.peer(), wire);
    check_end(world, world.peer(), Role::server, expected, ends);
  }
}

}  // namespace

TEST_SUITE("WebSocket conformance") {
  TEST_CASE("servers and clients respond to every case as RFC 6455 requires") {
    const auto cases = conformance::cases("conformance/websocket.jsonl");
    CHECK(cases.size() > 400);
    for (const Json& test : cases) run(test);
  }
}
