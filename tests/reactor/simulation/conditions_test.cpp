#include "reactor/simulation/conditions.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/server.hpp"
#include "reactor/simulation/world.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Datagram;
using reactor::DatagramSocket;
using reactor::Stream;
using reactor::simulation::Cut;
using reactor::simulation::World;

namespace {

struct Receiver {
  explicit Receiver(DatagramSocket opened) : socket(std::move(opened)) {
    socket.on_received([this](std::span<const Datagram> datagrams) {
      for (const Datagram& datagram : datagrams) texts.emplace_back(datagram.text());
    });
    socket.on_error([this](const reactor::Error& error) { errors.push_back(error.message()); });
  }
  DatagramSocket socket;
  std::vector<std::string> texts;
  std::vector<std::string> errors;
};

Receiver receiver(World& world, const char* host, const char* local,
                  reactor::DatagramOptions options = {}) {
  return Receiver(ok(DatagramSocket::bind(world.host(host).loop(), local, options)));
}

struct TwentyCallers {
  explicit TwentyCallers(World& world)
      : listener(
            ok(reactor::Listener::listen(world.host("10.0.0.1").loop(), address("10.0.0.1:7"),
                                         [this](reactor::Socket socket, const reactor::Address&) {
                                           accepted.push_back(std::move(socket));
                                         }))) {
    for (int i = 0; i < 20; ++i) {
      streams.push_back(Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7"));
    }
  }
  std::vector<reactor::Socket> accepted;
  reactor::Listener listener;
  std::vector<Stream> streams;
};

// How many of 1,000 datagrams arrive.
std::size_t arrived(const reactor::simulation::Link& link, bool* in_order = nullptr) {
  World world;
  world.link(link);
  Receiver to(ok(DatagramSocket::bind(world.host("10.0.0.1").loop(), "10.0.0.1:9")));
  auto from = ok(DatagramSocket::bind(world.host("10.0.0.2").loop(), "10.0.0.2:0"));
  for (int i = 1000; i < 2000; ++i) {
    from.send(address("10.0.0.1:9"), std::to_string(i));
    if (i % 100 == 0) world.run_for(20ms);
  }
  world.run_for(1s);
  if (in_order) *in_order = std::is_sorted(to.texts.begin(), to.texts.end());
  return to.texts.size();
}

// How long it takes to receive a text, and in how many reads.
std::pair<reactor::Duration, int> transfer(const reactor::simulation::Link& link,
                                           const reactor::simulation::Faults& faults = {}) {
  World world;
  world.link(link);
  world.faults(faults);
  auto& server = world.host("10.0.0.1").loop();
  std::optional<Stream> accepted;
  std::string received;
  int reads = 0;
  auto listener = ok(reactor::Listener::listen(
      server, address("10.0.0.1:7"), [&](reactor::Socket socket, const reactor::Address& peer) {
        accepted.emplace(server, std::move(socket), peer);
        accepted->on_data([&](Stream::Bytes bytes) {
          received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          ++reads;
        });
      }));
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += static_cast<char>('a' + i % 26);
  auto stream = Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7");
  stream.write(std::as_bytes(std::span(text)));
  CHECK(world.run_until([&] { return received.size() >= text.size(); }, 1h));
  CHECK(received == text);
  return {world.now(), reads};
}

}  // namespace

TEST_SUITE("simulation conditions") {
  TEST_CASE("datagrams are lost, doubled and reordered as the link says") {
    bool in_order = false;
    CHECK(arrived({.latency = {1ms, 1ms}}, &in_order) == 1000);
    CHECK(in_order);
    CHECK(arrived({.latency = {1ms, 9ms}}, &in_order) == 1000);
    CHECK_FALSE(in_order);
    const std::size_t with_loss = arrived({.loss = 0.1});
    CHECK(with_loss > 850);
    CHECK(with_loss < 950);
    const std::size_t with_copies = arrived({.duplicates = 0.1});
    CHECK(with_copies > 1050);
    CHECK(with_copies < 1150);
  }

  TEST_CASE("a stream arrives whole over any link, and takes its time") {
    const auto [quick, few_reads] = transfer({.latency = {1ms, 1ms}});
    CHECK(quick < 10ms);
    CHECK(transfer({.latency = {1ms, 1ms}, .loss = 0.1}).first > 200ms);
    CHECK(transfer({.bytes_per_second = 10'000}).first > 2s);
    const auto [slow, many_reads] = transfer({.latency = {1ms, 5ms}, .cut = Cut::anywhere});
    CHECK(slow < 100ms);
    CHECK(transfer({}, {.short_counts = 1}).second > 100);
    (void)transfer({}, {.short_counts = 0.5, .again = 0.5, .interrupted = 0.5, .pause = 0.5});
  }

  TEST_CASE("a datagram to a port without a socket is reported to its sender, if it wants that") {
    World world;
    (void)world.host("10.0.0.1").loop();
    auto connected =
        Receiver(ok(DatagramSocket::connect(world.host("10.0.0.2").loop(), address("10.0.0.1:9"))));
    auto with_queue = receiver(world, "10.0.0.2", "10.0.0.2:0", {.icmp_errors = true});
    auto without = receiver(world, "10.0.0.2", "10.0.0.2:0");
    connected.socket.send("x");
    with_queue.socket.send(address("10.0.0.1:9"), "x");
    without.socket.send(address("10.0.0.1:9"), "x");
    world.run_for(1s);
    const std::vector<std::string> refused{"send 10.0.0.1:9: connection refused"};
    CHECK(connected.errors == refused);
    // Without an error queue a socket that is not connected gets no report.
    CHECK(with_queue.errors == (on_portable_platform() ? std::vector<std::string>() : refused));
    CHECK(without.errors.empty());
  }

  TEST_CASE("a receive buffer that is full loses datagrams, and a long one is refused") {
    World world;
    auto to = receiver(world, "10.0.0.1", "10.0.0.1:9");
    auto from = receiver(world, "10.0.0.2", "10.0.0.2:0");
    to.socket.pause();
    for (int i = 0; i < 100; ++i) from.socket.send(address("10.0.0.1:9"), std::string(8000, 'x'));
    from.socket.send(address("10.0.0.1:9"), std::string(65'508, 'x'));
    world.run_for(1s);
    to.socket.resume();
    world.run_for(1s);
    CHECK(to.texts.size() == 25);
    CHECK(from.errors.size() == 1);
  }

  TEST_CASE("broadcast reaches all hosts, and only sockets that are bound to any address") {
    World world;
    auto one = receiver(world, "10.0.0.1", "0.0.0.0:9");
    auto specific = receiver(world, "10.0.0.2", "10.0.0.2:9");
    auto from = receiver(world, "10.0.0.3", "0.0.0.0:9", {.broadcast = true});
    auto refused = receiver(world, "10.0.0.3", "10.0.0.3:0");
    from.socket.send(address("10.0.0.255:9"), "to all");
    refused.socket.send(address("10.0.0.255:9"), "to all, too");
    world.run_for(1s);
    CHECK(one.texts == std::vector<std::string>{"to all"});
    CHECK(specific.texts.empty());
    CHECK(from.texts == std::vector<std::string>{"to all"});
    CHECK(refused.errors.size() == 1);
  }

  TEST_CASE("multicast reaches those that have joined, on its own host as its options say") {
    World world;
    auto one = receiver(world, "10.0.0.1", "0.0.0.0:9");
    auto member = receiver(world, "10.0.0.2", "0.0.0.0:9");
    auto sender = receiver(world, "10.0.0.3", "0.0.0.0:9");
    ok(member.socket.socket().join(address("239.1.2.3:9"), 0));
    ok(sender.socket.socket().join(address("239.1.2.3:9"), 0));
    const auto send = [&](const char* text) {
      sender.socket.send(address("239.1.2.3:9"), text);
      world.run_for(1s);
    };
    send("to all members");
    ok(sender.socket.socket().set(reactor::option::multicast_loopback, false));
    send("to other hosts");
    ok(sender.socket.socket().set(reactor::option::multicast_loopback, true));
    ok(sender.socket.socket().set(reactor::option::multicast_ttl, 0));
    send("to this host");
    ok(member.socket.socket().leave(address("239.1.2.3:9"), 0));
    ok(sender.socket.socket().set(reactor::option::multicast_ttl, 1));
    send("to itself");
    CHECK(one.texts.empty());
    CHECK(member.texts == std::vector<std::string>{"to all members", "to other hosts"});
    CHECK(sender.texts == std::vector<std::string>{"to all members", "to this host", "to itself"});
  }

  TEST_CASE("faults of calls are survived: ENOBUFS, EMFILE and aborted connections") {
    World world;
    world.faults({.no_buffers = 0.5, .no_descriptors = 0.5, .aborted = 0.3});
    auto to = receiver(world, "10.0.0.1", "10.0.0.1:9");
    auto from = receiver(world, "10.0.0.2", "10.0.0.2:0");
    for (int i = 0; i < 20; ++i) from.socket.send(address("10.0.0.1:9"), "x");
    const TwentyCallers callers(world);
    world.run_for(1min);
    CHECK(to.texts.size() == 20);
    CHECK(callers.accepted.size() > 2);
    CHECK(callers.accepted.size() < 20);
    CHECK(world.injected_faults() > 20);
  }

  TEST_CASE("an accept that finds no connection at first finds it later") {
    World world;
    world.faults({.again = 0.5});
    const TwentyCallers callers(world);
    world.run_for(1min);
    CHECK(callers.accepted.size() == 20);
    CHECK(world.injected_faults() > 5);
  }

  TEST_CASE("a socket is reported as ready that is not, and a connection that is made is not") {
    World world;
    world.faults({.spurious = 1});
    auto& loop = world.host("10.0.0.1").loop();
    const auto ticks = reactor::Timer::every(loop, 10ms, [] {});
    const auto idle =
        ok(reactor::Socket::open(reactor::Family::ipv4, reactor::SocketType::datagram));
    int reports = 0;
    const auto watcher = ok(reactor::Watcher::create(loop, idle.fd(), reactor::Interest::readable,
                                                     [&](reactor::Ready) { ++reports; }));
    bool connected = false;
    Stream nowhere = Stream::connect(loop, "10.0.9.9:7");
    nowhere.on_connect([&] { connected = true; });
    world.run_for(1s);
    CHECK(reports > 10);
    CHECK_FALSE(connected);
  }
}
