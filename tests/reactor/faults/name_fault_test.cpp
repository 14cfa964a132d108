// Names whose name servers do not respond, and names with several addresses.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "faulty_platform.hpp"
#include "reactor/datagram.hpp"
#include "reactor/listener.hpp"
#include "reactor/resolver.hpp"
#include "reactor/server.hpp"
#include "reactor/stream.hpp"
#include "reactor/udp_server.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using faulty::DeadName;
using reactor::Address;
using reactor::DatagramSocket;
using reactor::Listener;
using reactor::Lookup;
using reactor::Loop;
using reactor::Socket;
using reactor::Stream;

namespace {

using Found = reactor::Result<std::vector<Address>>;

struct UdpEcho {
  reactor::UdpPeer& peer;
  void on_datagram(const reactor::Datagram& datagram) { peer.send(datagram.bytes); }
};

// A wildcard socket, and what it received.
struct Asker {
  explicit Asker(Loop& loop, const char* local = "127.0.0.1:0")
      : socket(ok(DatagramSocket::bind(loop, local))) {
    socket.on_received([this](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) {
        answers.emplace_back(datagram.sender.to_string() + " " + std::string(datagram.text()));
      }
    });
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  DatagramSocket socket;
  std::vector<std::string> answers;
};

struct Session {
  reactor::Stream& stream;
  void on_data(reactor::Stream::Bytes bytes) { stream.write(bytes); }
};

constexpr auto ignore = [](Socket, const Address&) {};

// The signals that each thread of this process blocks, as bits, by the number of the thread.
std::map<std::string, std::uint64_t> blocked_signals() {
  std::map<std::string, std::uint64_t> blocked;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigBlk:")) continue;
      blocked[thread.path().filename()] = std::stoull(line.substr(7), nullptr, 16);
    }
  }
  return blocked;
}

}  // namespace

TEST_SUITE("name_faults") {
  TEST_CASE("no loop waits for a dead name server, whether the Lookup timed out or was destroyed") {
    const DeadName dead("dead.test");
    for (const bool destroyed : {true, false}) {
      const int blocked_before = DeadName::blocked();
      {
        Loop loop;
        std::string reported;
        std::optional<Lookup> lookup = Lookup::start(
            loop, "dead.test:80", {.timeout = reactor::Duration(destroyed ? 3'600'000ms : 1ms)},
            [&](const Found& found) { reported = failure(found); });
        poll_until(loop, [&] {
          return destroyed ? DeadName::blocked() == blocked_before + 1 : !reported.empty();
        });
        CHECK(reported == (destroyed
                               ? ""
                               : "resolve dead.test:80: connection timed out (no answer within "
                                 "1 ms)"));
        lookup.reset();
        loop.run();
      }
      if (destroyed) CHECK(DeadName::blocked() == blocked_before + 1);
    }
  }

  TEST_CASE(
      "threads that look names up take no signal, and the signals of the caller stay the same") {
    const DeadName dead("dead.test");
    Loop loop;
    const auto before = blocked_signals();
    const int blocked_before = DeadName::blocked();
    const auto lookup = Lookup::start(loop, "dead.test:80", {}, [](const Found&) {});
    poll_until(loop, [&] { return DeadName::blocked() == blocked_before + 1; });
    std::size_t started = 0;
    for (const auto& thread : blocked_signals()) {
      CAPTURE(thread.first);
      const auto signals = thread.second;
      const auto known = before.find(thread.first);
      if (known != before.end()) {
        // Another one may be a thread of an earlier case that ends, and blocks more for that.
        if (thread.first == std::to_string(getpid())) CHECK(signals == known->second);
        continue;
      }
      ++started;
      for (const int number : {SIGTERM, SIGINT, SIGCHLD, SIGUSR1}) {
        CHECK((signals >> (number - 1) & 1) == 1);
      }
    }
    if (started == 0) MESSAGE("skipped: a thread that was about to end looks the name up");
  }

  TEST_CASE_TEMPLATE(
      "a lookup of the name of an address times out without a response, or may be destroyed",
      LoopMode, Standalone, Embedded) {
    const DeadName dead("127.0.0.9");
    LoopMode mode;
    const Address nobody = address("127.0.0.9:80");
    std::string reported;
    const auto lookup = Lookup::name_of(
        mode.loop, nobody, {.timeout = 5ms},
        [&](const reactor::Result<std::string>& name) { reported = failure(name); });
    auto destroyed = std::optional(
        Lookup::name_of(mode.loop, nobody, {.timeout = 1h},
                        [](const reactor::Result<std::string>&) { FAIL("it was destroyed"); }));
    run_until(mode.loop, [&] { return !reported.empty(); });
    CHECK(reported == "resolve 127.0.0.9: connection timed out (no answer within 5 ms)");
    destroyed.reset();
    mode.loop.run();
  }

  TEST_CASE_TEMPLATE("names are found while a few other lookups wait for a dead name server",
                     LoopMode, Standalone, Embedded) {
    faulty::set_addresses("alive.test", {"127.0.0.1"});
    const DeadName dead("dead.test");
    LoopMode mode;
    std::vector<Lookup> lookups;
    for (int i = 0; i < 8; ++i) {
      lookups.push_back(Lookup::start(mode.loop, "dead.test:80", {.timeout = 1h},
                                      [](const Found&) { FAIL("the name server is dead"); }));
    }
    std::optional<Found> found;
    const auto lookup =
        Lookup::start(mode.loop, "alive.test:80", [&](Found result) { found = std::move(result); });
    run_until(mode.loop, [&] { return found.has_value(); });
    CHECK(ok(*found).front() == address("127.0.0.1:80"));
  }

  TEST_CASE_TEMPLATE("a stream connects to any address of a name that accepts", LoopMode,
                     Standalone, Embedded) {
    faulty::set_addresses("two.test", {"127.0.0.2", "127.0.0.1"});
    LoopMode mode;
    const auto listening = listening_socket(Transport::tcp4);
    const auto here = ok(listening.local_address());
    auto stream = Stream::connect(mode.loop, reactor::with_port("two.test:0", here.port()));
    bool connected = false;
    stream.on_connect([&] { connected = true; });
    run_until(mode.loop, [&] { return connected; });
    CHECK(ok(stream.socket().peer_address()) == here);
  }

  TEST_CASE_TEMPLATE(
      "a stream to a name whose name servers are dead times out, and can be destroyed", LoopMode,
      Standalone, Embedded) {
    const DeadName dead("dead.test");
    LoopMode mode;
    std::string reported;
    auto impatient = Stream::connect(mode.loop, "dead.test:80", {.timeout = 5ms});
    impatient.on_close([&](const reactor::Error& error) { reported = error.message(); });
    auto destroyed = std::optional(Stream::connect(mode.loop, "dead.test:80"));
    destroyed->on_close([](const reactor::Error&) { FAIL("it was destroyed"); });
    destroyed->write("hello");
    run_until(mode.loop, [&] { return !reported.empty(); });
    CHECK(reported ==
          "connect dead.test:80: connection timed out (the name servers do not answer)");
    destroyed.reset();
    mode.loop.run();
  }

  TEST_CASE("all lookups end once the name servers respond, also if they outnumber the threads") {
    Loop loop;
    int ended = 0;
    std::vector<Lookup> lookups;
    {
      const DeadName dead("dead.test");
      for (int i = 0; i < 40; ++i) {
        lookups.push_back(
            Lookup::start(loop, "dead.test:80", {.timeout = 1h}, [&](const Found& found) {
              ++ended;
              CHECK_FALSE(found);
            }));
      }
      poll_until(loop, [&] { return DeadName::blocked() == 16; });
    }
    loop.run();
    CHECK(ended == 40);
  }

  TEST_CASE("a forked child destroys a blocked Lookup, and can look names up") {
    faulty::set_addresses("alive.test", {"127.0.0.1"});
    const DeadName dead("dead.test");
    auto loop = std::make_unique<Loop>();
    std::optional<Lookup> lookup =
        Lookup::start(*loop, "dead.test:80", {.timeout = 1h}, [](const Found&) {});
    poll_until(*loop, [&] { return DeadName::blocked() == 1; });
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      lookup.reset();
      loop.reset();
      Loop own;
      bool found = false;
      const auto again = Lookup::start(own, "alive.test:80",
                                       [&](const Found& result) { found = result.has_value(); });
      own.run();
      _exit(found ? 7 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 7);
  }

  TEST_CASE_TEMPLATE("a listener of a name listens on all its addresses, with one port", LoopMode,
                     Standalone, Embedded) {
    faulty::set_addresses("two.test", {"127.0.0.1", "127.0.0.2"});
    LoopMode mode;
    std::vector<Socket> accepted;
    auto listener =
        ok(Listener::listen(mode.loop, "two.test:0", {}, [&](Socket socket, const Address&) {
          accepted.push_back(std::move(socket));
        }));
    const auto addresses = listener.addresses();
    REQUIRE(addresses.size() == 2);
    CHECK(addresses[0] == listener.address());
    CHECK(addresses[0].host() == "127.0.0.1");
    CHECK(addresses[1].host() == "127.0.0.2");
    CHECK(addresses[0].port() == addresses[1].port());
    std::vector<Socket> clients;
    const auto connect_to_all = [&] {
      for (const Address& address : addresses) clients.push_back(connect_to(address));
    };
    connect_to_all();
    run_until(mode.loop, [&] { return accepted.size() == 2; });
    listener.pause();
    connect_to_all();
    for (int i = 0; i < 3; ++i) mode.loop.poll();
    CHECK(accepted.size() == 2);
    listener.resume();
    run_until(mode.loop, [&] { return accepted.size() == 4; });
    connect_to_all();
    listener.drain();
    mode.loop.run();
    CHECK(accepted.size() == 6);
  }

  TEST_CASE("a server can be reached at every address of its name") {
    faulty::set_addresses("two.test", {"127.0.0.1", "127.0.0.2"});
    Loop loop;
    auto server = ok(reactor::Server<Session>::listen(loop, "two.test:0"));
    for (const char* host : {"127.0.0.1:", "127.0.0.2:"}) {
      auto client = ok(
          reactor::Stream::connect(loop, address(host + std::to_string(server.address().port()))));
      std::size_t echoed = 0;
      client.on_data([&](auto bytes) { echoed += bytes.size(); });
      client.write("hello");
      run_until(loop, [&] { return echoed == 5; });
    }
  }

  TEST_CASE("an address in use fails the whole name, and an address of another host is skipped") {
    faulty::set_addresses("two.test", {"127.0.0.1", "127.0.0.2"});
    faulty::set_addresses("half.test", {"240.0.0.1", "127.0.0.1"});
    faulty::set_addresses("far.test", {"240.0.0.1", "240.0.0.2"});
    Loop loop;
    for (const std::string taken : {"127.0.0.1:", "127.0.0.2:"}) {
      const std::string free = taken == "127.0.0.1:" ? "127.0.0.2:" : "127.0.0.1:";
      std::optional<Listener> other;
      std::string port;
      do {  // Clients of other programs use ports on the other address.
        other = ok(Listener::listen(loop, address(taken + "0"), ignore));
        port = std::to_string(other->address().port());
      } while (!Listener::listen(loop, address(free + port), ignore));
      const auto refused = Listener::listen(loop, "two.test:" + port, {}, ignore);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == std::errc::address_in_use);
      CHECK_MESSAGE(Listener::listen(loop, address(free + port), ignore), "nothing is left open");
    }
    CHECK(ok(Listener::listen(loop, "half.test:0", {}, ignore)).addresses().size() == 1);
    const auto far = Listener::listen(loop, "far.test:0", {}, ignore);
    REQUIRE_FALSE(far);
    CHECK(far.error().code == std::errc::address_not_available);
  }

  TEST_CASE_TEMPLATE("a listener of several addresses may be destroyed from its callback", LoopMode,
                     Standalone, Embedded) {
    faulty::set_addresses("two.test", {"127.0.0.1", "127.0.0.2"});
    LoopMode mode;
    std::optional<Listener> listener;
    int calls = 0;
    listener = ok(Listener::listen(mode.loop, "two.test:0", {}, [&](Socket, const Address&) {
      ++calls;
      listener.reset();
    }));
    std::vector<Socket> clients;
    for (const Address& address : listener->addresses()) clients.push_back(connect_to(address));
    run_until(mode.loop, [&] { return !listener; });
    for (int i = 0; i < 3; ++i) mode.loop.poll();
    CHECK(calls == 1);
  }

  TEST_CASE_TEMPLATE("a UDP server receives on all addresses of its name, on one port", LoopMode,
                     Standalone, Embedded) {
    faulty::set_addresses("three.test", {"127.0.0.1", "127.0.0.2", "::1"});
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = ok(reactor::UdpServer<UdpEcho>::bind(loop, "three.test:0"));
    const std::vector<Address> addresses = server.addresses();
    REQUIRE(addresses.size() == 3);
    CHECK(addresses[0] == server.address());
    Asker ipv4(loop), ipv6(loop, "[::1]:0");
    std::vector<std::string> expected;
    for (const Address& address : addresses) {
      CHECK(address.port() == server.address().port());
      Asker& asker = address.family() == reactor::Family::ipv6 ? ipv6 : ipv4;
      const std::size_t answers = asker.answers.size();
      asker.socket.send(address, "hello");
      run_until(loop, [&] { return asker.answers.size() > answers; });
      CHECK_MESSAGE(asker.answers.back() == address.to_string() + " hello",
                    "the answer comes from the address that was asked");
    }
    CHECK_MESSAGE(server.sessions() == 2, "one for each sender, whichever address it sends to");
    CHECK(server.counters().received == 3);
    CHECK(server.counters().sent == 3);
    int sockets = 0;
    server.for_each_socket([&](const Socket&) { ++sockets; });
    CHECK(sockets == 3);

    ipv4.socket.pause();
    ipv6.socket.pause();
    server.drain();
    loop.run();
    CHECK(server.sessions() == 0);
  }

  TEST_CASE(
      "a datagram socket for each address: one in use fails all, one of another host is skipped") {
    faulty::set_addresses("two.test", {"127.0.0.1", "127.0.0.2"});
    faulty::set_addresses("half.test", {"240.0.0.1", "127.0.0.1"});
    faulty::set_addresses("far.test", {"240.0.0.1", "240.0.0.2"});
    Loop loop;
    for (const char* taken : {"127.0.0.1:0", "127.0.0.2:0"}) {
      const auto other = ok(DatagramSocket::bind(loop, taken));
      const std::string port = std::to_string(other.address().port());
      const auto refused = DatagramSocket::bind_all(loop, "two.test:" + port);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == std::errc::address_in_use);
      const std::string free = other.address().host() == "127.0.0.1" ? "127.0.0.2:" : "127.0.0.1:";
      CHECK_MESSAGE(DatagramSocket::bind(loop, free + port), "nothing is left open");
    }
    CHECK(ok(DatagramSocket::bind_all(loop, "half.test:0")).size() == 1);
    CHECK(ok(DatagramSocket::bind_all(loop, "127.0.0.1:0")).size() == 1);
    const auto far = DatagramSocket::bind_all(loop, "far.test:0");
    REQUIRE_FALSE(far);
    CHECK(far.error().code == std::errc::address_not_available);
    CHECK_FALSE(DatagramSocket::bind_all(loop, "127.0.0.1"));
  }

  // Destroys its server, or sends a reply that is too long for a datagram: on_error reports that.
  struct Destroying {
    reactor::UdpPeer& peer;
    std::optional<reactor::UdpServer<Destroying>>& server;
    void on_datagram(const reactor::Datagram& datagram) {
      if (datagram.text() == "destroy") return server.reset();
      peer.send(std::string(70'000, 'x'));
    }
  };

  TEST_CASE("a UDP server on several addresses may be destroyed by a session or on_error") {
    faulty::set_addresses("two.test", {"127.0.0.1", "127.0.0.2"});
    for (const char* how : {"destroy", "fail"}) {
      CAPTURE(how);
      Loop loop;
      std::optional<reactor::UdpServer<Destroying>> server;
      server.emplace(
          ok(reactor::UdpServer<Destroying>::bind(loop, "two.test:0", {}, [&](auto& peer) {
            return Destroying{peer, server};
          })));
      int errors = 0;
      server->on_error([&](const reactor::Error&) {
        ++errors;
        server.reset();
      });
      Asker asker(loop);
      const std::vector<Address> addresses = server->addresses();
      for (const Address& address : addresses) asker.socket.send(address, how);
      run_until(loop, [&] { return !server; });
      asker.socket.pause();
      loop.run();
      CHECK(errors == (how == std::string("fail") ? 1 : 0));
    }
  }
}
