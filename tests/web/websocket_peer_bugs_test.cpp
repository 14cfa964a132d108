// Bugs that were reported of other servers and clients, tried on this one.
#include <doctest/doctest.h>

#include <string>

#include "reactor/timer.hpp"
#include "web/topic.hpp"
#include "web/websockets.hpp"

using reactor::WriteStatus;
using web::WebSocket;
using websocket_test::binary;
using websocket_test::closes;
using websocket_test::closing;
using websocket_test::fin;
using websocket_test::masked;
using websocket_test::text;
using websocket_test::unmasked;

TEST_SUITE("WebSocket peer bugs") {
  TEST_CASE("close() loses nothing of what waits (oven-sh/bun #39843, websocketpp #819)") {
    WebSockets world;
    Peer& peer = world.open();
    peer.hold();
    const std::string message(200'000, 'm');
    std::size_t taken = 0;
    for (WriteStatus status{}; status != WriteStatus::refused; ++taken) {
      status = world.last().send(message);
      if (status == WriteStatus::refused) break;
    }
    CHECK(world.last().queued_bytes() > 0);
    CHECK(world.last().close(1000, "bye") == WriteStatus::queued);
    peer.read_on();
    const std::string end = unmasked(fin | closes, closing(1000, "bye"));
    world.until_received(peer, end);
    CHECK(frames_of(peer).size() == taken * unmasked(fin | text, message).size() + end.size());
  }

  TEST_CASE("a close frame reaches a client whose output waits (oven-sh/bun #36112)") {
    web::WebSocketOptions options;
    options.close_timeout = std::chrono::milliseconds(20);
    Scripted server(options);
    server.accept();
    server.peer().hold();
    const std::string message(200'000, 'm');
    while (server.client->send(message) != WriteStatus::refused) continue;
    server.peer().send(unmasked(fin | closes, closing(1000, "bye")));
    run_until(server.loop, [&] { return !server.client->is_open(); });
    CHECK(server.client->send("x") == WriteStatus::closed);
    CHECK(server.client->queued_bytes() <= message.size() + 1000);
    run_until(server.loop, [&] { return server.end.has_value(); });
    CHECK(server.end->code == 1000);
  }

  TEST_CASE("bytes behind a close frame cause no second one (http-kit/http-kit #227)") {
    WebSockets world;
    Peer& peer = world.open();
    peer.send(masked(fin | closes, closing(1000)));
    for (int i = 0; i < 5; ++i) {
      peer.send_some(masked(fin | closes, closing(1000)) + "x");
      world.loop.poll();
    }
    world.until_ended(peer);
    CHECK(frames_of(peer) == unmasked(fin | closes, closing(1000)));
  }

  TEST_CASE("a member that is closed since it was slow sees no gap (uWebSockets #1338)") {
    web::TopicOptions options;
    options.max_waiting_bytes = 100'000;
    options.slow = web::TopicOptions::Slow::close;
    WebSockets world;
    Peer& peer = world.open();
    web::Topic topic(options);
    topic.join(world.last());
    peer.hold();
    int published = 0;
    for (; topic.closed() == 0; ++published) {
      topic.publish(std::string(30'000, static_cast<char>('a' + published % 26)));
    }
    peer.read_on();
    for (int i = 0; i < 3; ++i) topic.publish("later");
    world.until_received(peer, "too slow");
    const std::string frames = frames_of(peer);
    std::size_t at = 0;
    for (int i = 0; frames[at] == '\x81'; ++i, at += 30'004) {
      CHECK(frames[at + 4] == static_cast<char>('a' + i % 26));
    }
    CHECK(frames.substr(at) == unmasked(fin | closes, closing(1008, "too slow")));
  }

  TEST_CASE("a message that takes longer than the idle timeout arrives (websockets #1005)") {
    web::WebSocketOptions options;
    options.idle_timeout = std::chrono::milliseconds(100);
    WebSockets world(options);
    Peer& peer = world.open();
    const std::string wire = masked(fin | binary, std::string(50, 'x'));
    std::size_t sent = 0;
    const auto timer = reactor::Timer::every(world.loop, std::chrono::milliseconds(6), [&] {
      if (sent < wire.size()) peer.send(std::string_view(wire).substr(sent++, 1));
    });
    run_until(world.loop, [&] { return !world.received.empty() || !world.ends.empty(); });
    CHECK(world.received == "binary(" + std::string(50, 'x') + ")");
  }

  TEST_CASE(
      "frames sent with the request, and with the response, are not lost (uWebSockets #213)") {
    WebSockets world;
    Peer& peer = world.connect();
    peer.send(open_request() + masked(fin | text, "early"));
    run_until(world.loop, [&] { return world.received == "text(early)"; });
    const auto opened = opened_by(
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: "
        "ACCEPT\r\n\r\n" +
        unmasked(fin | text, "hello") + unmasked(fin | closes, ""));
    CHECK(opened.second == "text(hello)");
  }
}
