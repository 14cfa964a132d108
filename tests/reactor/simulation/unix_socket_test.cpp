#include <doctest/doctest.h>
#include <unistd.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/server.hpp"
#include "reactor/simulation/seeds.hpp"
#include "reactor/simulation/world.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Loop;
using reactor::Socket;
using reactor::Stream;
using reactor::simulation::World;

namespace {

struct EchoOfUnix {
  Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
  void on_end() { stream.close(); }
};
using EchoServer = reactor::Server<EchoOfUnix>;

constexpr const char* path = "unix:/run/echo.sock";

std::shared_ptr<void> echo_at_path(Loop& loop) {
  return std::make_shared<EchoServer>(ok(EchoServer::listen(loop, path)));
}

// Connects, writes, shuts its side down, and notes how that ended.
struct UnixCaller {
  UnixCaller(Loop& loop, const char* endpoint, const std::string& text, bool shuts_down = true)
      : stream(Stream::connect(loop, endpoint)) {
    if (!text.empty()) stream.write(text);
    if (shuts_down) stream.shutdown();
    stream.on_data([this](Stream::Bytes bytes) {
      received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    stream.on_close(
        [this](const Error& error) { why = error.code ? error.code.message() : "in order"; });
  }
  Stream stream;
  std::string received;
  std::string why;
};

// A program that accepts at `endpoint` and keeps the sockets.
struct Keeper {
  Keeper(Loop& loop, const char* endpoint, int backlog = 128)
      : listener(ok(reactor::Listener::listen(loop, address(endpoint), {.backlog = backlog},
                                              [this](Socket socket, const reactor::Address&) {
                                                accepted.push_back(std::move(socket));
                                              }))) {}
  std::vector<Socket> accepted;
  reactor::Listener listener;
};

std::string outcome(World& world, const char* host, const char* endpoint) {
  UnixCaller caller(world.host(host).loop(), endpoint, "x");
  (void)world.run_until([&] { return !caller.why.empty(); }, 1min);
  return caller.why;
}

}  // namespace

TEST_SUITE("simulated unix sockets") {
  TEST_CASE("bytes arrive whole and in order by path and by abstract name, for each seed") {
    CHECK(reactor::simulation::for_each_seed(20, [](std::uint64_t seed) {
      World world({.seed = seed, .send_buffer_bytes = 3000});
      world.faults({.short_counts = 0.3, .again = 0.2, .interrupted = 0.2, .spurious = 0.2});
      Loop& loop = world.host("10.0.0.1").loop();
      const char* const name = seed % 2 == 0 ? path : "unix:@echo";
      const auto server = ok(EchoServer::listen(loop, name));
      std::string text;
      for (int i = 0; i < 20'000; ++i) text += static_cast<char>('a' + i % 23);
      const UnixCaller one(loop, name, text);
      const UnixCaller other(loop, name, "short");
      return world.run_until([&] { return !one.why.empty() && !other.why.empty(); }, 1min) &&
             one.received == text && other.received == "short" && one.why == "in order" &&
             server.connections() == 0;
    }));
  }

  TEST_CASE("the same seed gives the same trace, which names the sockets") {
    const auto trace_of = [] {
      World world;
      Loop& loop = world.host("10.0.0.1").loop();
      const auto server = ok(EchoServer::listen(loop, "unix:@echo"));
      const UnixCaller caller(loop, "unix:@echo", "hello");
      world.run_for(1s);
      return world.trace();
    };
    const std::string trace = trace_of();
    CHECK(trace == trace_of());
    CHECK(trace.find(" unix connect 10.0.0.1 unnamed > @echo\n") != trace.npos);
    CHECK(trace.find(" unix data 10.0.0.1 @echo > unnamed 5\n") != trace.npos);
  }

  TEST_CASE("a name that is not there refuses, also to a program of another host") {
    World world;
    (void)world.host("10.0.0.1").loop();
    CHECK(outcome(world, "10.0.0.1", path) == "No such file or directory");
    CHECK(outcome(world, "10.0.0.1", "unix:@echo") == "Connection refused");
    world.host("10.0.0.1").start(echo_at_path);
    CHECK(outcome(world, "10.0.0.1", path) == "in order");
    CHECK(outcome(world, "10.0.0.2", path) == "No such file or directory");
    world.host("10.0.0.2").start(echo_at_path);
    CHECK(outcome(world, "10.0.0.2", path) == "in order");
  }

  TEST_CASE("a listener removes its file; a crash leaves it, and a new listener replaces it") {
    World world;
    auto& host = world.host("10.0.0.1");
    host.start(echo_at_path);
    host.run([&] {
      const auto second = reactor::Listener::listen(host.loop(), address(path),
                                                    [](Socket, const reactor::Address&) {});
      REQUIRE_FALSE(second.has_value());
      CHECK(second.error().code == std::errc::address_in_use);
    });
    host.crash();
    host.start([](Loop&) { return std::make_shared<int>(); });
    CHECK(outcome(world, "10.0.0.1", path) == "Connection refused");
    {
      std::optional<Keeper> keeper;
      host.run([&] { keeper.emplace(host.loop(), path); });
      const UnixCaller caller(host.loop(), path, "", false);
      world.run_for(1s);
      CHECK(keeper->accepted.size() == 1);
      host.run([&] { keeper.reset(); });
    }
    CHECK(outcome(world, "10.0.0.1", path) == "No such file or directory");
  }

  TEST_CASE("a full backlog makes further clients wait until there is room") {
    World world;
    Loop& loop = world.host("10.0.0.1").loop();
    Keeper keeper(loop, "unix:@slow", 1);
    keeper.listener.pause();
    std::list<UnixCaller> callers;
    for (int i = 0; i < 4; ++i) callers.emplace_back(loop, "unix:@slow", "", false);
    world.run_for(1s);
    CHECK(keeper.accepted.empty());
    CHECK(callers.back().why == "");
    keeper.listener.resume();
    CHECK(world.run_until([&] { return keeper.accepted.size() == 4; }, 1s));
  }

  TEST_CASE("closing with unread bytes resets the peer, and so does a listener that is destroyed") {
    for (const bool accepts : {true, false}) {
      World world;
      Loop& loop = world.host("10.0.0.1").loop();
      auto keeper = std::make_optional<Keeper>(loop, "unix:@closing");
      if (!accepts) keeper->listener.pause();
      const UnixCaller caller(loop, "unix:@closing", "unread", false);
      world.run_for(1s);
      CHECK(keeper->accepted.size() == (accepts ? 1 : 0));
      keeper.reset();
      world.run_for(1s);
      CHECK(caller.why == "Connection reset by peer");
    }
  }

  TEST_CASE("a peer that does not read stops the sender, and reading lets it continue") {
    World world({.send_buffer_bytes = 10'000});
    Loop& loop = world.host("10.0.0.1").loop();
    Keeper keeper(loop, "unix:@slow");
    UnixCaller caller(loop, "unix:@slow", std::string(100'000, 'x'));
    world.run_for(1s);
    REQUIRE(keeper.accepted.size() == 1);
    CHECK(caller.stream.queued_bytes() == 90'000);
    Stream reader(loop, std::move(keeper.accepted[0]), reactor::Address());
    std::size_t received = 0;
    reader.on_data([&](Stream::Bytes bytes) { received += bytes.size(); });
    CHECK(world.run_until([&] { return received == 100'000; }, 1min));
  }

  TEST_CASE("the peer's credentials are those of its host") {
    World world;
    auto& host = world.host("10.0.0.1");
    Keeper keeper(host.loop(), "unix:@who");
    UnixCaller caller(host.loop(), "unix:@who", "", false);
    world.run_for(1s);
    REQUIRE(keeper.accepted.size() == 1);
    const auto peer = ok(keeper.accepted[0].peer_credentials());
    CHECK(peer.user == ::geteuid());
    CHECK(peer.process == 1000);
    CHECK_FALSE(ok(Socket::open(reactor::Family::unix_socket, reactor::SocketType::stream))
                    .peer_credentials()
                    .has_value());
  }

  TEST_CASE("a socket that is passed works at the other end, and one of the process is refused") {
    World world;
    Loop& loop = world.host("10.0.0.1").loop();
    const auto server = ok(EchoServer::listen(loop, "10.0.0.1:7"));
    Keeper keeper(loop, "unix:@passing");
    UnixCaller caller(loop, "unix:@passing", "", false);
    world.run_for(1s);
    REQUIRE(keeper.accepted.size() == 1);
    caller.stream.receive_descriptors(1);
    Stream sender(loop, std::move(keeper.accepted[0]), reactor::Address());
    sender.write("before");
    auto socket = ok(Socket::open(reactor::Family::ipv4, reactor::SocketType::stream));
    (void)socket.connect(address("10.0.0.1:7"));
    std::vector<reactor::Descriptor> one;
    one.push_back(reactor::Descriptor::own(socket.release()));
    sender.write_descriptors(std::move(one), "with");
    world.run_for(1s);
    CHECK(caller.received == "beforewith");
    auto passed = caller.stream.take_descriptor();
    REQUIRE(passed);
    std::string echoed;
    Stream stream(loop, ok(Socket::adopt(passed.release())), address("10.0.0.1:7"));
    stream.on_data([&](Stream::Bytes bytes) { echoed.assign(bytes.size(), 'x'); });
    stream.write("12345");
    world.run_for(1s);
    CHECK(echoed == "xxxxx");
    CHECK(server.connections() == 1);
    stream.close();
    world.run_for(1s);
    CHECK(server.connections() == 0);  // No other descriptor keeps it open.
    std::vector<reactor::Descriptor> real;
    real.push_back(reactor::Descriptor::own(::dup(STDERR_FILENO)));
    std::string why;
    sender.on_close([&](const Error& error) { why = error.code.message(); });
    sender.write_descriptors(std::move(real), "refused");
    world.run_for(1s);
    CHECK(why == "Operation not supported");
    CHECK(world.trace().find("refused to pass descriptor") != std::string::npos);
  }
}
