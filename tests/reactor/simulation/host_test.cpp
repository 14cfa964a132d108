#include "reactor/simulation/host.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "reactor/server.hpp"
#include "reactor/signal.hpp"
#include "reactor/simulation/world.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "support/result.hpp"
#include "web/http_server.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Loop;
using reactor::Stream;
using reactor::simulation::Host;
using reactor::simulation::World;

namespace {

struct Session {
  Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

struct Program {
  explicit Program(Loop& loop) : server(ok(reactor::Server<Session>::listen(loop, "10.0.0.1:7"))) {}
  reactor::Server<Session> server;
};

struct Client {
  explicit Client(Loop& loop) : stream(Stream::connect(loop, "10.0.0.1:7", {.timeout = 1min})) {
    stream.on_data([this](Stream::Bytes bytes) { received += bytes.size(); });
    stream.on_close(
        [this](const Error& error) { why = error.code ? error.code.message() : "in order"; });
  }
  Stream stream;
  std::size_t received = 0;
  std::string why;
};

}  // namespace

TEST_SUITE("simulation host") {
  TEST_CASE("a crash sends nothing; a packet to the restarted host is answered with a reset") {
    World world;
    Host& host = world.host("10.0.0.1");
    host.start([](Loop& loop) { return std::make_shared<Program>(loop); });
    Client client(world.host("10.0.0.2").loop());
    client.stream.write("before");
    REQUIRE(world.run_until([&] { return client.received == 6; }, 1min));
    host.crash();
    CHECK_FALSE(host.is_up());
    world.run_for(1min);
    CHECK(client.why == "");
    host.restart();
    client.stream.write("after");
    CHECK(world.run_until([&] { return !client.why.empty(); }, 1min));
    CHECK(client.why == "Connection reset by peer");
    Client next(world.host("10.0.0.2").loop());
    next.stream.write("again");
    CHECK(world.run_until([&] { return next.received == 5; }, 1min));
  }

  TEST_CASE(
      "a peer of a host that stays down notices it only when it sends, after a quarter hour") {
    World world;
    Host& host = world.host("10.0.0.1");
    host.start([](Loop& loop) { return std::make_shared<Program>(loop); });
    Client client(world.host("10.0.0.2").loop());
    reactor::StreamLimits limits;
    limits.stall_timeout = reactor::Duration::max();
    client.stream.set_limits(limits);
    client.stream.write("before");
    REQUIRE(world.run_until([&] { return client.received == 6; }, 1min));
    host.crash();
    client.stream.write("after");
    CHECK(world.run_until([&] { return !client.why.empty(); }, 1h));
    CHECK(client.why == "Connection timed out");
    CHECK(world.now() > 15min);
  }

  TEST_CASE("a host may crash in its own callback: the callback still ends") {
    World world;
    Host& host = world.host("10.0.0.1");
    int made = 0;
    bool callback_ended = false;
    host.start([&](Loop& loop) {
      ++made;
      return std::make_shared<reactor::Timer>(reactor::Timer::after(loop, 1s, [&] {
        host.crash();
        CHECK(host.is_up());
        callback_ended = true;
      }));
    });
    CHECK(world.run_until([&] { return !host.is_up(); }, 1min));
    CHECK(callback_ended);
    host.restart();
    CHECK(made == 2);
  }

  TEST_CASE("a paused host does nothing, and continues") {
    World world;
    Host& host = world.host("10.0.0.1");
    int ticks = 0;
    const auto timer = reactor::Timer::every(host.loop(), 100ms, [&] { ++ticks; });
    world.run_for(1050ms);
    CHECK(ticks == 10);
    host.pause(10s);
    world.run_for(9s);
    CHECK(ticks == 10);
    world.run_for(2s);
    CHECK(ticks > 15);
  }

  TEST_CASE("a signal reaches the Signal objects of this host only") {
    World world;
    std::vector<std::string> received;
    const auto note = [&](const char* name) {
      return [&received, name] { received.emplace_back(name); };
    };
    auto here = ok(reactor::Signal::create(world.host("10.0.0.1").loop(), SIGHUP, note("here")));
    auto other =
        ok(reactor::Signal::create(world.host("10.0.0.1").loop(), SIGTERM, note("SIGTERM")));
    auto there = ok(reactor::Signal::create(world.host("10.0.0.2").loop(), SIGHUP, note("there")));
    world.host("10.0.0.1").signal(SIGHUP);
    world.run_for(1s);
    CHECK(received == std::vector<std::string>{"here"});
  }

  TEST_CASE("each host has its own wall clock, which may jump; the steady clock does not") {
    World world;
    Host& host = world.host("10.0.0.1");
    Host& other = world.host("10.0.0.2");
    const auto wall = host.wall_now();
    const auto steady = host.loop().now();
    CHECK(other.wall_now() == wall);
    host.step_wall_clock(-1h);
    world.run_for(1s);
    CHECK(host.wall_now() == wall - 1h + 1s);
    CHECK(other.wall_now() == wall + 1s);
    CHECK(host.loop().now() - steady == 1s);
    CHECK(host.loop().wall_now() == host.wall_now());
  }

  TEST_CASE("the date of an HTTP response is that of the host, so that runs repeat byte by byte") {
    std::vector<std::string> captures;
    for (int run = 0; run < 2; ++run) {
      World world({.capture = true});
      world.host("10.0.0.1").step_wall_clock(24h);
      web::HttpServer server(world.host("10.0.0.1").loop());
      ok(server.listen("10.0.0.1:80"));
      Stream client = Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:80");
      client.write("GET / HTTP/1.0\r\n\r\n");
      world.run_for(3s);
      captures.push_back(world.pcap());
    }
    CHECK(captures[0].find("Date: Tue, 02 Jan 2024 00:00:00 GMT\r\n") != std::string::npos);
    CHECK(captures[0] == captures[1]);
  }

  TEST_CASE("a program with a Loop of its own runs, and the world with it") {
    World world;
    world.host("10.0.0.1").start([](Loop& loop) { return std::make_shared<Program>(loop); });
    std::size_t received = 0;
    world.host("10.0.0.2").run([&] {
      Loop loop;
      Stream stream = Stream::connect(loop, "10.0.0.1:7");
      stream.write("hello");
      stream.on_data([&](Stream::Bytes bytes) {
        received += bytes.size();
        loop.stop();
      });
      loop.run();
    });
    CHECK(received == 5);
    CHECK(world.now() > 0s);
    CHECK(world.now() < 1s);
  }
}
