#include "reactor/simulation/world.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/coroutine/connection.hpp"
#include "reactor/coroutine/serve.hpp"
#include "reactor/coroutine/task.hpp"
#include "reactor/random_bytes.hpp"
#include "reactor/resolver.hpp"
#include "reactor/server.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "reactor/work.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Loop;
using reactor::Stream;
using reactor::simulation::World;
namespace simulation = reactor::simulation;

namespace {

struct EchoSession {
  Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

// Connects, writes, and notes how that ended.
struct Caller {
  Caller(Loop& loop, const char* endpoint, std::string_view text, reactor::Duration timeout = 10min)
      : stream(Stream::connect(loop, endpoint, {.timeout = timeout, .attempt_timeout = timeout})) {
    if (!text.empty()) stream.write(std::as_bytes(std::span(text)));
    stream.on_data([this](Stream::Bytes bytes) {
      received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    stream.on_end([this] {
      ended = true;
      stream.close();
    });
    stream.on_close([this](const Error& error) {
      closed = true;
      why = error.code ? error.code.message() : "in order";
    });
  }
  Stream stream;
  std::string received;
  bool ended = false;
  bool closed = false;
  std::string why;
};

// What an echo of a text over a bad link leaves in the trace.
std::string trace_of(std::uint64_t seed) {
  World world({.seed = seed});
  world.link({.latency = {1ms, 40ms}, .loss = 0.05, .cut = simulation::Cut::anywhere});
  world.faults({.short_counts = 0.2, .again = 0.1, .interrupted = 0.1});
  auto server =
      ok(reactor::Server<EchoSession>::listen(world.host("10.0.0.1").loop(), "10.0.0.1:7"));
  const std::string text(5000, 'x');
  Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", text);
  CHECK(world.run_until([&] { return caller.received == text; }, 1h));
  return world.trace();
}

// The same tests run on these two networks.
struct Simulated {
  World world;
  Loop& server = world.host("10.0.0.1").loop();
  Loop& client = world.host("10.0.0.2").loop();
  const char* any_port = "10.0.0.1:0";
  bool run_until(reactor::Callback<bool()> condition) {
    return world.run_until(std::move(condition), 1min);
  }
};

struct Real {
  Loop loop;
  Loop& server = loop;
  Loop& client = loop;
  const char* any_port = "127.0.0.1:0";
  bool run_until(reactor::Callback<bool()> condition) {
    ::run_until(loop, std::move(condition));
    return true;
  }
};

reactor::Task<> echo_task(reactor::Connection connection) {
  for (;;) {
    const auto bytes = co_await connection.read();
    if (!bytes || bytes->empty()) co_return;
    co_await connection.write(*bytes);
  }
}

}  // namespace

TEST_SUITE("simulation world") {
  TEST_CASE_TEMPLATE("one test runs on a simulated network and on a real one", Network, Simulated,
                     Real) {
    Network network;
    auto server = ok(reactor::serve(network.server, network.any_port, {}, echo_task));
    Caller caller(network.client, server.address().to_string().c_str(), "by coroutines");
    CHECK(network.run_until([&] { return caller.received == "by coroutines"; }));
    caller.stream.shutdown();
    CHECK(network.run_until([&] { return caller.closed && server.connections() == 0; }));
    CHECK(caller.why == "in order");
  }

  TEST_CASE("a connection survives a partition, in virtual time") {
    World world({.seed = 7});
    Loop& server = world.host("10.0.0.1").loop();
    Loop& client = world.host("10.0.0.2").loop();
    world.link({.latency = {1ms, 40ms}, .loss = 0.01, .cut = simulation::Cut::anywhere});
    world.at(3s, [&] { world.partition("10.0.0.1", "10.0.0.2"); });
    world.at(5s, [&] { world.heal(); });
    auto echo = ok(reactor::Server<EchoSession>::listen(server, "10.0.0.1:7"));
    Caller caller(client, "10.0.0.1:7", "first ");
    const auto later = reactor::Timer::after(client, 4s, [&] {
      CHECK(caller.received == "first ");
      caller.stream.write("second");
    });
    CHECK(world.run_until([&] { return caller.received == "first second"; }, 1h));
    CHECK(world.now() >= 5s);
    CHECK(world.now() < 10s);
  }

  TEST_CASE("a call to a port without a server is refused after one trip there and back") {
    World world;
    world.link({.latency = {10ms, 10ms}});
    (void)world.host("10.0.0.1");
    Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", "");
    CHECK(world.run_until([&] { return caller.closed; }, 1h));
    CHECK(caller.why == "Connection refused");
    CHECK(world.now() >= 20ms);
    CHECK(world.now() < 25ms);
  }

  TEST_CASE("a call to a multicast or broadcast address fails at once") {
    for (const char* peer : {"239.1.2.3:7", "255.255.255.255:7"}) {
      World world;
      const auto stream = Stream::connect(world.host("10.0.0.2").loop(), address(peer));
      REQUIRE_FALSE(stream.has_value());
      CHECK(stream.error().code == std::errc::network_unreachable);
    }
  }

  TEST_CASE("a host that is silent ends a connect by its timeout, or by that of the kernel") {
    for (const auto& [timeout, least] :
         {std::pair<reactor::Duration, reactor::Duration>{5s, 5s}, {10min, 126s}}) {
      World world;
      Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", "", timeout);
      CHECK(world.run_until([&] { return caller.closed; }, 1h));
      CHECK(caller.why == "Connection timed out");
      CHECK(world.now() >= least);
      CHECK(world.now() < least + 10s);
    }
  }

  TEST_CASE("a full backlog makes further clients repeat their SYN until there is room") {
    World world;
    Loop& server = world.host("10.0.0.1").loop();
    std::vector<reactor::Socket> accepted;
    auto listener =
        ok(reactor::Listener::listen(server, address("10.0.0.1:7"), {.backlog = 1},
                                     [&](reactor::Socket socket, const reactor::Address&) {
                                       accepted.push_back(std::move(socket));
                                     }));
    listener.pause();
    std::vector<std::unique_ptr<Caller>> callers;
    for (int i = 0; i < 4; ++i) {
      callers.push_back(std::make_unique<Caller>(world.host("10.0.0.2").loop(), "10.0.0.1:7", ""));
      world.run_for(100ms);
    }
    listener.resume();
    world.run_for(500ms);
    CHECK(accepted.size() == 2);
    CHECK(world.run_until([&] { return accepted.size() == 4; }, 10s));
  }

  TEST_CASE("a peer that does not read stops the sender, and reading lets it continue") {
    World world({.send_buffer_bytes = 10'000, .receive_buffer_bytes = 5000});
    std::optional<Stream> accepted;
    Loop& server = world.host("10.0.0.1").loop();
    auto listener = ok(reactor::Listener::listen(
        server, address("10.0.0.1:7"), [&](reactor::Socket socket, const reactor::Address& peer) {
          accepted.emplace(server, std::move(socket), peer);
        }));
    const std::string text(100'000, 'x');
    Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", text);
    world.run_for(10s);
    // A stream writes again only when a third of the kernel's buffer is free.
    CHECK(caller.stream.queued_bytes() >= text.size() - 15'000);
    CHECK(caller.stream.queued_bytes() < text.size() - 10'000);
    std::string received;
    accepted->on_data([&](Stream::Bytes bytes) { received.append(bytes.size(), 'x'); });
    CHECK(world.run_until([&] { return received == text; }, 1min));
    CHECK(caller.stream.queued_bytes() == 0);
  }

  TEST_CASE("a half-closed connection still carries bytes the other way") {
    World world;
    Loop& server = world.host("10.0.0.1").loop();
    std::optional<Stream> accepted;
    auto listener = ok(reactor::Listener::listen(
        server, address("10.0.0.1:7"), [&](reactor::Socket socket, const reactor::Address& peer) {
          accepted.emplace(server, std::move(socket), peer);
          accepted->on_data([](Stream::Bytes) {});
          accepted->on_end([&] {
            accepted->write("after the end");
            accepted->close();
          });
        }));
    Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", "all");
    caller.stream.on_connect([&] { caller.stream.shutdown(); });
    CHECK(world.run_until([&] { return caller.ended; }, 1min));
    CHECK(caller.received == "after the end");
  }

  TEST_CASE("closing with unread bytes resets the peer, and so does abort") {
    for (const bool reads : {false, true}) {
      World world;
      Loop& server = world.host("10.0.0.1").loop();
      std::optional<Stream> accepted;
      auto listener = ok(reactor::Listener::listen(
          server, address("10.0.0.1:7"), [&](reactor::Socket socket, const reactor::Address& peer) {
            accepted.emplace(server, std::move(socket), peer);
            if (reads) accepted->on_data([&](Stream::Bytes) { accepted->abort(); });
          }));
      Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", "unread");
      world.run_for(1s);
      if (!reads) accepted.reset();
      CHECK(world.run_until([&] { return caller.closed; }, 1min));
      CHECK(caller.why == "Connection reset by peer");
      CHECK(world.trace().find(" tcp rst 10.0.0.1:7 > 10.0.0.2:") != std::string::npos);
    }
  }

  TEST_CASE("a script can reset the connections between two hosts, and no others") {
    World world;
    auto server =
        ok(reactor::Server<EchoSession>::listen(world.host("10.0.0.1").loop(), "10.0.0.1:7"));
    Caller one(world.host("10.0.0.2").loop(), "10.0.0.1:7", "one");
    Caller other(world.host("10.0.0.3").loop(), "10.0.0.1:7", "other");
    world.at(1s, [&] { world.reset_connections("10.0.0.1", "10.0.0.2"); });
    world.run_for(2s);
    CHECK(one.received == "one");
    CHECK(one.why == "Connection reset by peer");
    CHECK(other.received == "other");
    CHECK_FALSE(other.closed);
    CHECK(server.connections() == 1);
  }

  TEST_CASE("the same seed gives the same trace, another seed another one") {
    const std::string trace = trace_of(3);
    CHECK(trace.find("fault") != std::string::npos);
    CHECK(trace_of(3) == trace);
    CHECK(trace_of(4) != trace);
  }

  TEST_CASE("what programs take for unpredictable comes from the seed, in this world only") {
    const auto nonce = [] {
      std::array<std::byte, 20> bytes;
      reactor::fill_randomly(bytes);
      return bytes;
    };
    const auto drawn = [&](std::uint64_t seed) {
      World world({.seed = seed});
      const auto first = nonce();
      CHECK(nonce() != first);
      return first;
    };
    CHECK(drawn(7) == drawn(7));
    CHECK(drawn(7) != drawn(8));
    CHECK(nonce() != drawn(7));
  }

  TEST_CASE("a trace does not depend on the compiler, the process or the real time") {
    World world({.seed = 7});
    auto server =
        ok(reactor::Server<EchoSession>::listen(world.host("10.0.0.1").loop(), "10.0.0.1:7"));
    Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", "hello");
    CHECK(world.run_until([&] { return caller.received == "hello"; }, 1h));
    CHECK(world.trace() ==
          "0.000111709 tcp syn 10.0.0.2:49152 > 10.0.0.1:7\n"
          "0.000310735 tcp syn-ack 10.0.0.1:7 > 10.0.0.2:49152\n"
          "0.000416312 tcp ack 10.0.0.2:49152 > 10.0.0.1:7\n"
          "0.000499795 tcp data 10.0.0.2:49152 > 10.0.0.1:7 5\n"
          "0.000608468 tcp data 10.0.0.1:7 > 10.0.0.2:49152 5\n");
  }

  TEST_CASE("a world is at its end when nothing more can happen, and time then jumps") {
    World world;
    CHECK_FALSE(world.run_until([] { return false; }, 1h));
    CHECK(world.now() == 1h);
  }

  TEST_CASE("what a callback throws leaves the function that runs the world") {
    World world;
    Loop& loop = world.host("10.0.0.1").loop();
    loop.post([] { throw std::string("thrown"); });
    CHECK_THROWS_AS(world.run_for(1s), std::string);
    bool goes_on = false;
    loop.post([&] { goes_on = true; });
    world.run_for(1s);
    CHECK(goes_on);
  }

  TEST_CASE("names are those of the world's zone") {
    World world;
    world.name("db.test", {"10.0.0.1", "10.0.0.2"});
    Loop& loop = world.host("10.0.0.3").loop();
    std::vector<std::string> found;
    const auto note = [&](reactor::Result<std::vector<reactor::Address>> addresses) {
      if (!addresses) return found.push_back(addresses.error().code.message());
      for (const auto& each : *addresses) found.push_back(each.to_string());
    };
    const auto known = reactor::Lookup::start(loop, "db.test:80", note);
    CHECK(world.run_until([&] { return found.size() == 2; }, 1min));
    const auto unknown = reactor::Lookup::start(loop, "other.test:80", note);
    CHECK(world.run_until([&] { return found.size() == 3; }, 1min));
    CHECK(found == std::vector<std::string>{"10.0.0.1:80", "10.0.0.2:80", "no such name"});
  }

  TEST_CASE("functions of Work run in order, in virtual time, and a destroyed one does not run") {
    World world({.work = {1s, 1s}});
    Loop& loop = world.host("10.0.0.1").loop();
    std::string order;
    const auto run = [&](char name) {
      return reactor::Work::run(
          loop, [&order, name] { order += name; }, [&order] { order += '.'; });
    };
    const auto first = run('a');
    auto second = std::make_optional(run('b'));
    const auto third = run('c');
    second.reset();
    CHECK(world.run_until([&] { return order == "a.c."; }, 1min));
    CHECK(world.now() >= 3s);
    CHECK(world.now() < 4s);
    const auto pending = run('d');
  }

  TEST_CASE("a descriptor of the process is refused, and the trace says which") {
    World world;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto watcher = reactor::Watcher::create(
        world.host("10.0.0.1").loop(), ends[0], reactor::Interest::readable, [](reactor::Ready) {});
    REQUIRE_FALSE(watcher.has_value());
    CHECK(watcher.error().code == std::errc::not_supported);
    CHECK(world.trace().find("of the process") != std::string::npos);
    CHECK_THROWS_WITH(Loop(), doctest::Contains("belongs to a host"));
    ::close(ends[0]);
    ::close(ends[1]);
  }

  TEST_CASE("a capture contains the packets that arrived, and Wireshark's format") {
    World world({.capture = true});
    auto server =
        ok(reactor::Server<EchoSession>::listen(world.host("10.0.0.1").loop(), "10.0.0.1:7"));
    Caller caller(world.host("10.0.0.2").loop(), "10.0.0.1:7", "in the capture");
    CHECK(world.run_until([&] { return caller.received == "in the capture"; }, 1h));
    const std::string pcap = world.pcap();
    const auto number = [&](std::size_t at) {
      std::uint32_t value = 0;
      for (int byte = 3; byte >= 0; --byte) {
        value = value << 8 | static_cast<std::uint8_t>(pcap[at + static_cast<std::size_t>(byte)]);
      }
      return value;
    };
    REQUIRE(pcap.size() > 24);
    CHECK(number(0) == 0xa1b23c4d);
    CHECK(number(20) == 101);
    std::size_t packets = 0;
    std::size_t with_text = 0;
    std::size_t at = 24;
    for (; at + 16 <= pcap.size(); ++packets) {
      const std::size_t size = number(at + 8);
      CHECK(size == number(at + 12));
      const std::string packet = pcap.substr(at + 16, size);
      REQUIRE(packet.size() == size);
      CHECK(packet[0] == 0x45);
      CHECK(static_cast<std::size_t>(static_cast<std::uint8_t>(packet[2])) * 256 +
                static_cast<std::uint8_t>(packet[3]) ==
            size);
      // RFC 1071: with its checksum a header sums up to all ones.
      std::uint32_t sum = 0;
      for (std::size_t i = 0; i < 20; ++i) {
        sum += std::uint32_t{static_cast<std::uint8_t>(packet[i])} << (i % 2 == 0 ? 8 : 0);
      }
      CHECK((sum & 0xffff) + (sum >> 16) == 0xffff);
      with_text += packet.ends_with("in the capture") ? 1 : 0;
      at += 16 + size;
    }
    CHECK(at == pcap.size());
    CHECK(packets == 5);
    CHECK(with_text == 2);
  }
}
