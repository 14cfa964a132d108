#include "web/topic.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "web/websockets.hpp"

using web::Topic;
using web::TopicOptions;
using websocket_test::closes;
using websocket_test::closing;
using websocket_test::fin;
using websocket_test::text;
using websocket_test::unmasked;

namespace {

// A message that names its place in the order.
std::string numbered(int number, std::size_t size) {
  std::string message = std::to_string(number) + " ";
  message.resize(size, 'x');
  return message;
}

// Members of a topic, of which the first ones do not read.
struct Publishing : WebSockets {
  Publishing(std::size_t readers, std::size_t silent, TopicOptions options)
      : WebSockets({}, small_queue()), topic(options) {
    for (std::size_t i = 0; i < silent + readers; ++i) {
      Peer& peer = open();
      topic.join(last());
      if (i < silent) peer.hold();
      members.push_back(&peer);
    }
  }

  static web::HttpServerOptions small_queue() {
    web::HttpServerOptions options;
    options.server.high_water_bytes = 4096;
    return options;
  }

  Topic topic;
  std::vector<Peer*> members;
};

}  // namespace

TEST_SUITE("Topic") {
  TEST_CASE("text that is not UTF-8 is not published, and one without members reaches none") {
    Topic topic;
    CHECK(topic.publish("hello") == 0);
    WebSockets world;
    world.open();
    CHECK(topic.join(world.last()));
    CHECK_FALSE(topic.join(world.last()));
    CHECK(topic.publish("\xFF") == 0);
    CHECK(topic.publish("hello") == 1);
    CHECK(topic.leave(world.last()));
    CHECK_FALSE(topic.leave(world.last()));
    CHECK(topic.publish("hello") == 0);
  }

  TEST_CASE("every member gets each message in order, also between those of its own") {
    WebSockets world;
    Topic topic;
    Topic other;
    std::vector<Peer*> members;
    for (int i = 0; i < 5; ++i) {
      members.push_back(&world.open());
      topic.join(world.last());
      if (i == 2) other.join(world.last());
    }
    topic.publish("a");
    world.sockets[1]->send("own");
    other.publish("other");
    const Topic moved = std::move(topic);
    Topic& again = const_cast<Topic&>(moved);
    again.publish(protocols::as_bytes("b"));
    for (Peer* const peer : members) world.until_received(*peer, unmasked(0x82, "b"));
    CHECK(frames_of(*members[0]) == unmasked(fin | text, "a") + unmasked(0x82, "b"));
    CHECK(contains(frames_of(*members[1]), "own"));
    CHECK(contains(frames_of(*members[2]), "other"));
    CHECK(again.size() == 5);
    members[3]->finish();
    run_until(world.loop, [&] { return world.ends.size() == 1; });
    CHECK(again.size() == 4);
  }

  TEST_CASE("a frame waits for the end of a message in pieces") {
    WebSockets world;
    Peer& peer = world.open();
    Topic topic;
    topic.join(world.last());
    world.last().send_piece(web::WebSocket::Kind::text, protocols::as_bytes("a"), false);
    CHECK(topic.publish("published") == 1);
    world.last().send_piece(web::WebSocket::Kind::text, protocols::as_bytes("b"), true);
    world.until_received(peer, "published");
    CHECK(frames_of(peer) ==
          unmasked(text, "a") + unmasked(fin, "b") + unmasked(fin | text, "published"));
    CHECK(world.last().queued_bytes() == 0);
  }

  TEST_CASE("members that do not read miss the oldest messages, and hold up no other") {
    TopicOptions options;
    options.max_waiting_bytes = 40'000;
    Publishing world(10, 3, options);
    constexpr int messages = 150;
    constexpr std::size_t size = 10'000;
    for (int i = 0; i < messages; ++i) {
      world.topic.publish(numbered(i, size));
      if (i % 3 == 0) world.loop.poll();
    }
    for (auto* const socket : world.sockets) CHECK(socket->queued_bytes() <= 40'000);
    CHECK(world.topic.dropped() > 0);
    const std::string last = numbered(messages - 1, 6);
    for (std::size_t i = 3; i < 13; ++i) world.until_received(*world.members[i], last);
    Peer& slow = *world.members[0];
    slow.read_on();
    world.until_received(slow, last);
    run_until(world.loop, [&] { return frames_of(slow).size() % (size + 4) == 0; });
    // Whole frames, in order, and the newest of all.
    const std::string frames = frames_of(slow);
    int before = -1;
    for (std::size_t at = 0; at < frames.size(); at += size + 4) {
      const int number = std::stoi(frames.substr(at + 4, 10));
      CHECK(number > before);
      before = number;
    }
    CHECK(before == messages - 1);
  }

  TEST_CASE("with the other policy a slow member is closed with 1008") {
    TopicOptions options;
    options.max_waiting_bytes = 40'000;
    options.slow = TopicOptions::Slow::close;
    Publishing world(1, 1, options);
    while (world.topic.closed() == 0) {
      world.topic.publish(numbered(1, 10'000));
      world.loop.poll();
    }
    CHECK(world.topic.size() == 1);
    Peer& slow = *world.members[0];
    slow.read_on();
    world.until_received(slow, unmasked(fin | closes, closing(1008, "too slow")));
    CHECK(world.topic.publish("on") == 1);
    world.until_received(*world.members[1], unmasked(fin | text, "on"));
  }

  TEST_CASE("a message larger than what may wait reaches members that read") {
    TopicOptions options;
    options.max_waiting_bytes = 1000;
    Publishing world(1, 0, options);
    const std::string large(100'000, 'l');
    CHECK(world.topic.publish(large) == 1);
    world.until_received(*world.members[0], large);
  }
}
