// permessage-deflate between peers: what is negotiated, the cases of the Autobahn suite's sections
// 12 and 13 with smaller counts, and peers that send too much.
#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "protocols/websocket/decoder.hpp"
#include "web/deflate.hpp"
#include "web/topic.hpp"
#include "web/websockets.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::websocket::DeflateParameters;
using reactor::WriteStatus;
using web::WebSocket;
using websocket_test::closes;
using websocket_test::closing;
using websocket_test::fin;
using websocket_test::masked;
using websocket_test::ping;
using websocket_test::pong;
using websocket_test::rsv1;
using websocket_test::text;
using websocket_test::unmasked;

namespace {

std::string deflated(std::string_view message) {
  std::vector<std::byte> out;
  web::Deflate deflate(15, true);
  CHECK(deflate.message(out, as_bytes(message)));
  return std::string(as_text(out));
}

web::WebSocketOptions with(std::optional<DeflateParameters> deflate) {
  web::WebSocketOptions options;
  options.deflate = deflate;
  options.compress_from_bytes = 0;
  return options;
}

// The kinds of messages of section 12, which is JSON, words, bytes that cannot be compressed, and
// text of several bytes a character.
std::string payload(int kind, std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes;
  while (bytes.size() < size) {
    if (kind == 0) {
      bytes += "{\"id\": " + std::to_string(random() % 1000) + ", \"name\": \"value\"}, ";
    } else if (kind == 1) {
      bytes += random() % 2 ? "the " : "whale ";
    } else if (kind == 2) {
      bytes += static_cast<char>(random());
    } else {
      bytes += "\xC3\xA4\xE2\x82\xAC";
    }
  }
  if (kind != 3) bytes.resize(size);
  return bytes;
}

// A client sends `count` messages one after the other, which come back unchanged.
void check_echo(const web::WebSocketOptions& server, const web::WebSocketOptions& client, int kind,
                std::size_t size, int count) {
  CAPTURE(kind);
  CAPTURE(size);
  WebSockets world(server);
  world.echo = true;
  world.keep = false;
  auto socket = WebSocket::connect(world.loop, world.url(), client);
  int received = 0;
  int differing = 0;
  const auto send = [&] {
    const std::string message = payload(kind, size, static_cast<unsigned>(received));
    return kind == 2 ? socket.send(as_bytes(message)) : socket.send(message);
  };
  socket.on_message([&](const WebSocket::Message& message) {
    if (message.text() != payload(kind, size, static_cast<unsigned>(received))) ++differing;
    if (++received < count) CHECK(send() != WriteStatus::refused);
  });
  bool closed = false;
  socket.on_close([&](const web::WebSocketEnd&) { closed = true; });
  CHECK(send() == WriteStatus::queued);
  run_until(world.loop, [&] { return received == count || closed; });
  CHECK(received == count);
  CHECK(differing == 0);
}

}  // namespace

TEST_SUITE("WebSocket deflate") {
  TEST_CASE("compressed data that is wrong fails with 1007, and a bomb with 1009") {
    web::WebSocketOptions options;
    options.max_message_bytes = 100'000;
    for (const auto& [data, code] : std::vector<std::pair<std::string, unsigned>>{
             {"\xFF\xFF\xFF", 1007}, {deflated(std::string(20'000'000, 'x')), 1009}}) {
      WebSockets world(options);
      Peer& peer = world.open(deflate_fields);
      CHECK(contains(peer.received(), "server_no_context_takeover; client_no_context_takeover"));
      peer.send(masked(fin | rsv1 | text, data));
      world.until_ended(peer);
      CHECK(frames_of(peer) == unmasked(fin | closes, closing(code)));
      CHECK(world.received.empty());
    }
  }

  TEST_CASE("a compressed message split at every byte, with control frames inside, arrives once") {
    WebSockets world;
    world.echo = true;
    const std::string hello = deflated("h\xC3\xA4 hello hello hello");
    const std::string wire = masked(rsv1 | text, hello.substr(0, 5)) + masked(fin | ping, "p") +
                             masked(fin, hello.substr(5)) + masked(fin | closes, "");
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      Peer& peer = world.open(deflate_fields);
      peer.send(wire.substr(0, cut));
      for (int i = 0; i < 3; ++i) world.loop.poll();
      peer.send(wire.substr(cut));
      world.until_ended(peer);
      CHECK(frames_of(peer) == unmasked(fin | pong, "p") +
                                   unmasked(fin | text, "h\xC3\xA4 hello hello hello") +
                                   unmasked(fin | closes, ""));
    }
  }

  TEST_CASE("short messages are sent as they are, and so are those that do not get smaller") {
    WebSockets world;
    Peer& peer = world.open(deflate_fields);
    CHECK(world.last().is_compressed());
    world.last().send("short");
    const std::string noise = payload(2, 2000, 1);
    world.last().send(as_bytes(noise));
    const std::string repeated(2000, 'r');
    world.last().send(repeated);
    const std::string expected = unmasked(fin | text, "short") + unmasked(0x82, noise) +
                                 unmasked(fin | rsv1 | text, deflated(repeated));
    world.until_received(peer, expected);
    CHECK(world.last().send("\xFF" + repeated) == WriteStatus::refused);
    CHECK_FALSE(contains(world.open().received(), "Extensions"));
    CHECK_FALSE(world.last().is_compressed());
  }

  TEST_CASE("a topic compresses once, and only for members that can read it alone") {
    WebSockets alone;
    WebSockets keeping(with(DeflateParameters{}));
    Peer& compressed = alone.open(deflate_fields);
    Peer& plain = alone.open();
    web::Topic topic;
    topic.join(*alone.sockets[0]);
    topic.join(*alone.sockets[1]);
    const std::string message(3000, 'm');
    CHECK(topic.publish(message) == 2);
    alone.until_received(compressed, unmasked(fin | rsv1 | text, deflated(message)));
    alone.until_received(plain, unmasked(fin | text, message));

    Peer& window = keeping.open(deflate_fields);
    web::Topic other;
    other.join(keeping.last());
    keeping.last().send(message);
    other.publish(message);
    keeping.last().send(message);
    keeping.until_received(window, unmasked(fin | text, message));
    run_until(keeping.loop, [&] { return frames_of(window).size() > message.size() + 20; });
    web::Inflate inflate;
    protocols::websocket::MessageDecoder decoder(protocols::websocket::Settings{
        .role = protocols::websocket::Role::client, .inflater = &inflate});
    const std::string frames = frames_of(window);
    decoder.feed(as_bytes(frames));
    for (int i = 0; i < 3; ++i) {
      const auto event = decoder.next();
      REQUIRE(event);
      CHECK(event->text() == message);
    }
  }

  TEST_CASE("sections 12.1 to 12.5 of the Autobahn suite: payloads of any kind and size") {
    const DeflateParameters parameters;
    for (int kind = 0; kind < 4; ++kind) {
      for (const std::size_t size :
           {16U, 64U, 256U, 1024U, 4096U, 8192U, 16384U, 32768U, 65536U, 131072U}) {
        check_echo(with(parameters), with(parameters), kind, size, size > 10'000 ? 2 : 5);
      }
    }
  }

  TEST_CASE("section 13 of the Autobahn suite: parameters that either side wants") {
    // The client's offer and the server's wish, as the pairs of 13.1 to 13.7.
    const std::vector<DeflateParameters> all = {
        {},
        {.server_no_context_takeover = true},
        {.server_max_window_bits = 9},
        {.server_max_window_bits = 15},
        {.server_no_context_takeover = true, .server_max_window_bits = 9},
        {.server_no_context_takeover = true, .server_max_window_bits = 15},
        {.client_no_context_takeover = true, .client_max_window_bits = 9},
    };
    for (const DeflateParameters& offered : all) {
      for (const DeflateParameters& wanted : all) {
        for (const std::size_t size : {64U, 4096U, 65536U}) {
          check_echo(with(wanted), with(offered), 0, size, 3);
        }
      }
    }
    check_echo(with({}), with(DeflateParameters{}), 1, 4096, 3);
    check_echo(with(DeflateParameters{}), with(std::nullopt), 1, 4096, 3);
  }
}
