#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/simulation/world.hpp"
#include "reactor/socket.hpp"
#include "reactor/stream.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Loop;
using reactor::Socket;
using reactor::Stream;
using reactor::simulation::World;
namespace option = reactor::option;

namespace {

// A listener at 10.0.0.1:7 that keeps what it accepts.
struct Accepting {
  explicit Accepting(World& world) : Accepting(world.host("10.0.0.1").loop()) {}
  explicit Accepting(Loop& loop)
      : listener(ok(reactor::Listener::listen(loop, address("10.0.0.1:7"),
                                              [this](Socket socket, const reactor::Address&) {
                                                accepted.push_back(std::move(socket));
                                              }))) {}
  std::vector<Socket> accepted;
  reactor::Listener listener;
};

// A socket of 10.0.0.2 with this port; its error, if it cannot be had.
std::pair<Socket, std::string> bound(World& world, std::uint16_t port, bool reuse) {
  Socket socket = ok(Socket::open(reactor::Family::ipv4, reactor::SocketType::stream));
  ok(socket.set(option::reuse_address, reuse));
  (void)world.host("10.0.0.2");
  const auto done = socket.bind(address("10.0.0.2:" + std::to_string(port)));
  return {std::move(socket), done ? "" : done.error().code.message()};
}

std::string connect(Socket& socket, const char* peer) {
  const auto done = socket.connect(address(peer));
  return done ? "" : done.error().code.message();
}

std::string connect(std::pair<Socket, std::string> from, const char* peer) {
  return connect(from.first, peer);
}

// A connection of 10.0.0.2:50000 whose ends are closed, one after the other.
struct TwoEnds {
  explicit TwoEnds(World& world) {
    auto [socket, failed] = bound(world, 50'000, true);
    REQUIRE(failed == "");
    REQUIRE(connect(socket, "10.0.0.1:7") == "");
    client = std::move(socket);
  }
  Socket client;
};

// A client with keep-alive after 10 s, then each 2 s, three times.
struct Probing {
  explicit Probing(World& world)
      : stream(Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7")) {
    stream.on_data([](Stream::Bytes) {});
    stream.on_connect([this] {
      Socket& socket = stream.socket();
      ok(socket.set(option::keep_alive_idle, 10s));
      ok(socket.set(option::keep_alive_interval, 2s));
      ok(socket.set(option::keep_alive_count, 3));
      ok(socket.set(option::keep_alive, true));
    });
    stream.on_close([this, &world](const Error& error) {
      why = error.code.message();
      closed_at = world.now();
    });
  }
  Stream stream;
  std::string why;
  reactor::Duration closed_at{};
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_SUITE("simulated TCP") {
  TEST_CASE("the end that closes first keeps its port for a minute, unless addresses are reused") {
    World world;
    Accepting server(world);
    TwoEnds ends(world);
    world.run_for(1s);
    REQUIRE(server.accepted.size() == 1);
    CHECK(bound(world, 50'000, false).second == "Address already in use");
    ends.client = Socket();
    world.run_for(1s);
    server.accepted.clear();
    world.run_for(58s);
    CHECK(bound(world, 50'000, false).second == "Address already in use");
    CHECK(bound(world, 50'000, true).second == "");
    world.run_for(3s);
    CHECK(bound(world, 50'000, false).second == "");
  }

  TEST_CASE("the end that closes second has its port back at once, and so has one that is reset") {
    for (const bool is_reset : {false, true}) {
      World world;
      std::optional<Accepting> server(std::in_place, world);
      TwoEnds ends(world);
      world.run_for(1s);
      if (is_reset) {
        world.reset_connections("10.0.0.1", "10.0.0.2");
      } else {
        server->accepted.clear();
      }
      world.run_for(1s);
      ends.client = Socket();
      world.run_for(1s);
      CHECK(bound(world, 50'000, false).second == "");
      // The server closed first, and listens again at once, since a Listener reuses addresses.
      server.reset();
      auto plain = ok(Socket::open(reactor::Family::ipv4, reactor::SocketType::stream));
      CHECK(plain.bind(address("10.0.0.1:7")).has_value() == is_reset);
      plain = Socket();
      server.emplace(world);
    }
  }

  TEST_CASE("a connection in TIME_WAIT is not made again from its end, one to another peer is") {
    World world;
    Accepting server(world);
    const auto other =
        ok(reactor::Listener::listen(world.host("10.0.0.3").loop(), address("10.0.0.3:7"),
                                     [](Socket, const reactor::Address&) {}));
    TwoEnds ends(world);
    world.run_for(1s);
    ends.client = Socket();
    server.accepted.clear();
    world.run_for(1s);
    CHECK(connect(bound(world, 50'000, true), "10.0.0.1:7") == "Cannot assign requested address");
    CHECK(connect(bound(world, 50'000, true), "10.0.0.3:7") == "");
    world.run_for(1min);
    CHECK(connect(bound(world, 50'000, true), "10.0.0.1:7") == "");
  }

  TEST_CASE("a port that the system chooses is not one in TIME_WAIT to the same peer") {
    World world;
    Accepting server(world);
    const auto chosen = [&] { return ok(bound(world, 0, true).first.local_address()).port(); };
    const auto next = static_cast<std::uint16_t>(chosen() + 1);
    {
      auto socket = bound(world, next, true).first;
      REQUIRE(connect(socket, "10.0.0.1:7") == "");
      world.run_for(1s);
    }
    server.accepted.clear();
    world.run_for(1s);
    auto stream = Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7");
    world.run_for(1s);
    REQUIRE(server.accepted.size() == 1);
    CHECK(ok(server.accepted[0].peer_address()).port() == next + 1);
  }

  TEST_CASE("a host without a free port reports it, and has one as soon as a socket is closed") {
    World world({.most_descriptors = 20'000});
    Accepting server(world);
    std::vector<Socket> all;
    while (all.size() < 16'384) {
      auto [socket, failed] = bound(world, 0, false);
      REQUIRE(failed == "");
      all.push_back(std::move(socket));
    }
    CHECK(bound(world, 0, false).second == "Address already in use");
    const auto outcome = [&] {
      std::string why;
      auto stream = Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7");
      stream.on_close([&](const Error& error) { why = error.code.message(); });
      world.run_for(1s);
      return why;
    };
    CHECK(outcome() == "Cannot assign requested address");
    all.pop_back();
    CHECK(outcome() == "");
  }

  TEST_CASE("a port is listened on again while connections of the former listener are open") {
    World world;
    std::optional<Accepting> server(std::in_place, world);
    const TwoEnds ends(world);
    world.run_for(1s);
    const std::vector<Socket> kept = std::move(server->accepted);
    REQUIRE(kept.size() == 1);
    server.reset();
    server.emplace(world);
    const auto stream = Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7");
    world.run_for(1s);
    CHECK(server->accepted.size() == 1);
  }

  TEST_CASE("a crash forgets TIME_WAIT") {
    World world;
    Accepting server(world);
    TwoEnds ends(world);
    world.run_for(1s);
    ends.client = Socket();
    world.run_for(1s);
    world.host("10.0.0.2").crash();
    world.host("10.0.0.2").restart();
    CHECK(bound(world, 50'000, false).second == "");
  }

  TEST_CASE("what arrived before both ends had finished can be read after a reset, without error") {
    World world;
    Accepting server(world);
    auto unread = std::make_optional(Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7"));
    unread->write("farewell");
    unread->shutdown();
    world.run_for(1s);
    REQUIRE(server.accepted.size() == 1);
    Stream late(world.host("10.0.0.1").loop(), std::move(server.accepted[0]), reactor::Address());
    late.write("never read");
    late.shutdown();
    world.run_for(1s);
    unread.reset();
    world.run_for(1s);
    CHECK(count(world.trace(), "tcp rst 10.0.0.2") == 1);
    std::string received;
    std::string why;
    late.on_data([&](Stream::Bytes bytes) { received.append(bytes.size(), 'x'); });
    late.on_close(
        [&](const Error& error) { why = error.code ? error.code.message() : "in order"; });
    world.run_for(1s);
    CHECK(received == "xxxxxxxx");
    CHECK(why == "in order");
  }

  TEST_CASE("keep-alive probes a silent peer as long as it responds") {
    World world;
    const Accepting server(world);
    const Probing client(world);
    world.run_for(105s);
    CHECK(client.why == "");
    CHECK(count(world.trace(), "tcp keep-alive 10.0.0.2") == 10);
  }

  TEST_CASE("keep-alive ends the connection to a host that crashed, and to one that restarted") {
    for (const bool restarts : {false, true}) {
      World world;
      auto& host = world.host("10.0.0.1");
      host.start([](Loop& loop) { return std::make_shared<Accepting>(loop); });
      const Probing client(world);
      world.run_for(4s);
      host.crash();
      if (restarts) host.restart();
      CHECK(world.run_until([&] { return !client.why.empty(); }, 1h));
      CHECK(client.why == (restarts ? "Connection reset by peer" : "Connection timed out"));
      const reactor::Duration expected = restarts ? 10s : 16s;
      CHECK(client.closed_at >= expected);
      CHECK(client.closed_at < expected + 1s);
    }
  }

  TEST_CASE("a connection without keep-alive stays open, however long its peer is gone") {
    World world;
    auto& host = world.host("10.0.0.1");
    host.start([](Loop& loop) { return std::make_shared<Accepting>(loop); });
    Probing client(world);
    client.stream.on_connect([] {});
    world.run_for(4s);
    host.crash();
    world.run_for(24h);
    CHECK(client.why == "");
  }
}
