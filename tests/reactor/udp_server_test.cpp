#include "reactor/udp_server.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reactor/timer.hpp"
#include "support/loop_modes.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/udp_client.hpp"

using namespace std::chrono_literals;
using reactor::Datagram;
using reactor::DatagramSocket;
using reactor::Loop;
using reactor::UdpPeer;
using reactor::UdpServer;
using reactor::UdpServerOptions;

namespace {

// What sessions did, and how many exist.
struct Log {
  std::string told;
  int made = 0;
  int alive = 0;
};

// Numbers the datagrams it receives; ends on "bye".
struct Counting {
  Counting(UdpPeer& of, Log& into) : peer(of), log(into) {
    ++log.made;
    ++log.alive;
  }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  ~Counting() {
    --log.alive;
    peer.close();  // There is nothing left to do, and the call does nothing.
  }

  void on_datagram(const Datagram& datagram) {
    peer.send(std::to_string(++count) + ":" + std::string(datagram.text()));
    if (datagram.text() == "bye") {
      peer.close();
      peer.close();
      ++count;  // The session still exists.
    }
  }

  UdpPeer& peer;
  Log& log;
  int count = 0;
};

UdpServer<Counting> serve(Loop& loop, Log& log, UdpServerOptions options = {},
                          std::string_view endpoint = "127.0.0.1:0") {
  return ok(UdpServer<Counting>::bind(loop, endpoint, options,
                                      [&log](UdpPeer& peer) { return Counting(peer, log); }));
}

}  // namespace

TEST_SUITE("udp_server") {
  TEST_CASE_TEMPLATE("every peer has a session of its own, which it keeps", LoopMode, Standalone,
                     Embedded) {
    for (const char* endpoint : {"127.0.0.1:0", "[::1]:0"}) {
      CAPTURE(endpoint);
      LoopMode mode;
      Loop& loop = mode.loop;
      Log log;
      auto server = serve(loop, log, {}, endpoint);
      std::list<UdpClient> clients;
      for (int i = 0; i < 20; ++i) clients.emplace_back(loop, server.address());
      for (const char* expected : {"1:x", "2:x", "3:x"}) {
        for (UdpClient& client : clients) CHECK(client.ask(loop, "x") == expected);
      }
      CHECK(server.sessions() == 20);
      CHECK(log.made == 20);
      int visited = 0;
      server.for_each([&](Counting&) { ++visited; });
      CHECK(visited == 20);
      CHECK(server.counters().received == 60);
    }
  }

  TEST_CASE("a server takes its endpoint as text, and the error describes what is wrong with it") {
    Loop loop;
    struct Silent {
      UdpPeer& peer;
      void on_datagram(const Datagram&) {}
    };
    const auto server = ok(UdpServer<Silent>::bind(loop, "127.0.0.1:0"));
    CHECK(server.address().port() != 0);
    CHECK(failure(UdpServer<Silent>::bind(loop, "nonsense")).find("nonsense") != std::string::npos);
    CHECK(failure(UdpServer<Silent>::bind(loop, server.address().to_string())) ==
          "bind " + server.address().to_string() +
              ": address already in use (another program listens there)");
  }

  TEST_CASE_TEMPLATE(
      "a session that closes its peer is destroyed, and the next datagram makes a new one",
      LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    Log log;
    auto server = serve(loop, log);
    UdpClient client(loop, server.address());
    CHECK(client.ask(loop, "x") == "1:x");
    // All three are in one batch.
    client.answers.clear();
    for (const char* text : {"bye", "x", "x"}) client.socket.send(text);
    run_until(loop, [&] { return client.answers.size() == 3; });
    CHECK(client.answers == std::vector<std::string>{"2:bye", "1:x", "2:x"});
    run_until(loop, [&] { return log.alive == 1; });
    CHECK(log.made == 2);
    CHECK(server.sessions() == 1);
  }

  TEST_CASE_TEMPLATE("a silent peer is forgotten, and an active one is not", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    Log log;
    auto server = serve(loop, log, {.socket = {}, .idle_timeout = 40ms});
    UdpClient silent(loop, server.address()), talking(loop, server.address());
    const auto began = loop.now();
    CHECK(silent.ask(loop, "x") == "1:x");
    CHECK(talking.ask(loop, "x") == "1:x");
    auto spoken = began;
    auto longest_silence = 0ns;
    const auto note_silence = [&] {
      longest_silence = std::max<std::chrono::nanoseconds>(longest_silence, loop.now() - spoken);
      spoken = loop.now();
    };
    const auto tick = reactor::Timer::every(loop, 1ms, [&] {
      note_silence();
      talking.socket.send("x");
    });
    run_until(loop, [&] { return server.sessions() == 1; });
    note_silence();
    CHECK(loop.now() - began >= 40ms);
    // Unless this machine stalled: the client was silent during the stall.
    if (longest_silence < 20ms) CHECK(talking.answers.back() != "1:x");
    CHECK(silent.ask(loop, "x") == "1:x");
  }

  TEST_CASE(
      "with an idle timeout of zero no peer is forgotten, and no timeout keeps the loop running") {
    Loop loop;
    Log log;
    std::optional server = serve(loop, log, {.socket = {}, .idle_timeout = 0ms});
    UdpClient client(loop, server->address());
    CHECK(client.ask(loop, "x") == "1:x");
    bool later = false;
    const auto timer = reactor::Timer::after(loop, 5ms, [&] { later = true; });
    run_until(loop, [&] { return later; });
    CHECK(client.ask(loop, "x") == "2:x");
    client.socket.pause();
    server->drain();
    loop.run();  // Must return.
  }

  TEST_CASE("at the maximum of peers, a new one replaces the one that was silent for longest") {
    Loop loop;
    Log log;
    auto server = serve(loop, log, {.socket = {}, .max_sessions = 2});
    UdpClient first(loop, server.address()), second(loop, server.address()),
        third(loop, server.address());
    CHECK(first.ask(loop, "x") == "1:x");
    CHECK(second.ask(loop, "x") == "1:x");
    CHECK(first.ask(loop, "x") == "2:x");
    CHECK(third.ask(loop, "x") == "1:x");
    CHECK(server.sessions() == 2);
    CHECK(first.ask(loop, "x") == "3:x");
    CHECK(second.ask(loop, "x") == "1:x");
    CHECK(log.alive == 2);
  }

  TEST_CASE("a new peer of a full network replaces one of that network") {
    Loop loop;
    Log log;
    auto server = serve(loop, log, {.socket = {}, .max_sessions = 100, .max_per_network = 3});
    auto other = ok(reactor::DatagramSocket::bind(loop, address("127.0.0.2:0")));
    std::string heard;
    other.on_received([&](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) {
        heard.assign(reinterpret_cast<const char*>(datagram.bytes.data()), datagram.bytes.size());
      }
    });
    const auto ask_from_elsewhere = [&] {
      heard.clear();
      other.send(server.address(), "x");
      run_until(loop, [&] { return !heard.empty(); });
      return heard;
    };
    CHECK(ask_from_elsewhere() == "1:x");
    for (int round = 1; round <= 20; ++round) {
      UdpClient client(loop, server.address());
      CHECK(client.ask(loop, "x") == "1:x");
      CHECK(client.ask(loop, "x") == "2:x");
      CHECK(server.sessions() == static_cast<std::size_t>(std::min(round, 3) + 1));
      CHECK(log.alive == std::min(round, 3) + 1);
    }
    CHECK(ask_from_elsewhere() == "2:x");
    server.drain();
    run_until(loop, [&] { return server.sessions() == 0; });
  }

  TEST_CASE("thousands of made-up peers cost no more than the maximum of sessions") {
    Loop loop;
    Log log;
    auto server = serve(loop, log, {.socket = {}, .max_sessions = 10});
    for (std::uint64_t round = 1; round <= 100; ++round) {
      std::list<UdpClient> clients;
      for (int i = 0; i < 20; ++i) clients.emplace_back(loop, server.address()).socket.send("x");
      run_until(loop, [&] { return server.counters().received == 20 * round; });
      CHECK(log.alive == 10);
    }
    CHECK(log.made > 1000);  // The kernel may reuse a port before its session is forgotten.
  }

  TEST_CASE("a reply comes from the address that the request was sent to, also later") {
    Loop loop;
    struct Late {
      UdpPeer& peer;
      std::optional<reactor::Timer> timer;
      Loop& loop;
      void on_datagram(const Datagram&) {
        timer.emplace(reactor::Timer::after(loop, 1ms, [this] { peer.send("late"); }));
      }
    };
    auto server = ok(UdpServer<Late>::bind(loop, "0.0.0.0:0", {}, [&loop](UdpPeer& peer) {
      return Late{peer, {}, loop};
    }));
    // The client receives only from that address.
    UdpClient client(loop, address("127.0.0.2:" + std::to_string(server.address().port())));
    CHECK(client.ask(loop, "x") == "late");
  }

  TEST_CASE_TEMPLATE("drain() ends every session, sends what is queued, and lets run() return",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    Log log;
    auto server = serve(loop, log);
    UdpClient client(loop, server.address());
    CHECK(client.ask(loop, "x") == "1:x");
    server.drain();
    server.drain();
    CHECK(server.sessions() == 0);
    run_until(loop, [&] { return log.alive == 0; });
    client.socket.pause();
    loop.run();
  }

  TEST_CASE("a session may drain or destroy its server, whatever else has arrived") {
    for (const std::string how : {"drain", "destroy"}) {
      CAPTURE(how);
      Loop loop;
      struct Ending {
        std::function<void()>& end;
        void on_datagram(const Datagram&) {
          const auto kept = end;
          kept();
        }
      };
      int calls = 0;
      std::function<void()> end;
      std::optional<UdpServer<Ending>> server;
      server.emplace(ok(UdpServer<Ending>::bind(loop, "127.0.0.1:0", {},
                                                [&end](UdpPeer&) { return Ending{end}; })));
      end = [&] {
        ++calls;
        how == "drain" ? server->drain() : server.reset();
      };
      UdpClient client(loop, server->address());
      for (int i = 0; i < 3; ++i) client.socket.send("x");
      run_until(loop, [&] { return calls > 0; });
      for (int i = 0; i < 5; ++i) loop.poll();
      CHECK(calls == 1);
    }
  }

  TEST_CASE("the function that makes sessions may drain or destroy the server") {
    for (const std::string how : {"drain", "destroy"}) {
      CAPTURE(how);
      Loop loop;
      Log log;
      std::optional<UdpServer<Counting>> server;
      server.emplace(ok(UdpServer<Counting>::bind(loop, "127.0.0.1:0", {}, [&](UdpPeer& peer) {
        how == "drain" ? server->drain() : server.reset();
        return Counting(peer, log);
      })));
      UdpClient client(loop, server->address());
      for (int i = 0; i < 3; ++i) client.socket.send("x");
      run_until(loop, [&] { return log.made > 0; });
      for (int i = 0; i < 5; ++i) loop.poll();
      CHECK(log.made == 1);
      CHECK(log.alive == 0);
      CHECK(client.answers.empty());
    }
  }

  TEST_CASE(
      "an exception of a session or its construction leaves run(), and the server continues") {
    Loop loop;
    Log log;
    bool fails = true;
    auto server = ok(UdpServer<Counting>::bind(loop, "127.0.0.1:0", {}, [&](UdpPeer& peer) {
      if (std::exchange(fails, false)) throw std::runtime_error("no session");
      return Counting(peer, log);
    }));
    UdpClient client(loop, server.address());
    client.socket.send("x");
    CHECK_THROWS_WITH(run_until(loop, [&] { return !client.answers.empty(); }), "no session");
    CHECK(server.sessions() == 0);
    CHECK(client.ask(loop, "x") == "1:x");

    struct Throwing {
      UdpPeer& peer;
      void on_datagram(const Datagram& datagram) {
        if (datagram.text() == "throw") throw std::runtime_error("thrown");
        peer.send("good");
      }
    };
    std::optional throwing = ok(UdpServer<Throwing>::bind(loop, "127.0.0.1:0"));
    UdpClient other(loop, throwing->address());
    other.socket.send("throw");
    CHECK_THROWS_WITH(run_until(loop, [&] { return !other.answers.empty(); }), "thrown");
    CHECK(other.ask(loop, "x") == "good");
    throwing.reset();
  }

  // Throws on "throw", and records what it has received.
  struct Fragile {
    UdpPeer& peer;
    std::vector<std::string>& heard;
    void on_datagram(const Datagram& datagram) {
      heard.emplace_back(datagram.text());
      if (datagram.text() == "throw") throw std::runtime_error("thrown");
      peer.send(datagram.bytes);
    }
  };

  TEST_CASE_TEMPLATE("after an exception no datagram of the batch is lost, and the order is kept",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    std::vector<std::string> heard;
    auto server = ok(UdpServer<Fragile>::bind(loop, "0.0.0.0:0", {}, [&](UdpPeer& peer) {
      return Fragile{peer, heard};
    }));
    // A client receives only from the address that it sends to.
    const std::string host = "127.0.0.2:" + std::to_string(server.address().port());
    UdpClient first(loop, address(host)), second(loop, address(host));
    std::vector<std::string> sent;
    const auto send = [&](UdpClient& from, const char* text) {
      from.socket.send(text);
      sent.emplace_back(text);
    };
    send(first, "a");
    send(first, "throw");
    send(second, "b");
    send(first, "throw");
    send(second, "");
    send(first, "c");
    int caught = 0;
    while (heard.size() < sent.size()) {
      try {
        run_until(loop, [&] { return heard.size() == sent.size(); });
      } catch (const std::runtime_error& thrown) {
        CHECK(std::string(thrown.what()) == "thrown");
        // These arrive later, and must not overtake the kept ones.
        if (++caught == 1) send(first, "d");
        if (caught == 1) send(second, "throw");
      }
    }
    CHECK(heard == sent);
    run_until(loop, [&] { return first.answers.size() == 3 && second.answers.size() == 2; });
    CHECK(first.answers == std::vector<std::string>{"a", "c", "d"});
    CHECK(second.answers == std::vector<std::string>{"b", ""});
  }

  TEST_CASE("run() continues until the datagrams left by an exception are delivered") {
    Loop loop;
    std::vector<std::string> heard;
    std::optional<UdpServer<Fragile>> server;
    server.emplace(ok(UdpServer<Fragile>::bind(loop, "127.0.0.1:0", {}, [&](UdpPeer& peer) {
      return Fragile{peer, heard};
    })));
    UdpClient client(loop, server->address());
    client.socket.pause();
    for (const char* text : {"throw", "a", "throw", "b"}) client.socket.send(text);
    CHECK_THROWS_WITH(loop.run(), "thrown");
    CHECK_THROWS_WITH(loop.run(), "thrown");
    run_until(loop, [&] { return heard.size() == 4; });
    client.socket.send("throw");
    client.socket.send("never heard");
    CHECK_THROWS_WITH(loop.run(), "thrown");
    server->drain();
    loop.run();
    CHECK(heard.size() == 5);
  }

  TEST_CASE("a unix peer that does not read does not keep run() going after drain()") {
    struct Talking {
      UdpPeer& peer;
      void on_datagram(const Datagram&) {
        for (int i = 0; i < 1000; ++i) peer.send("more than the kernel holds");
      }
    };
    Loop loop;
    const std::string name = "unix:@uvreactor-udp-server-" + std::to_string(getpid());
    auto server = ok(UdpServer<Talking>::bind(loop, name));
    std::string told;
    server.on_error([&](const reactor::Error& error) { told = error.message(); });
    auto silent = ok(DatagramSocket::connect(loop, server.address()));
    silent.send("talk");
    run_until(loop, [&] { return server.sessions() == 1; });
    server.drain(20ms);
    loop.run();
    CHECK(told == "send " + silent.address().to_string() + ": connection timed out");
    CHECK(server.counters().dropped > 0);
  }

  TEST_CASE("a session that cannot be made does not end another one") {
    Loop loop;
    Log log;
    auto server =
        ok(UdpServer<Counting>::bind(loop, "127.0.0.1:0", {.max_sessions = 1}, [&](UdpPeer& peer) {
          if (log.made == 1) throw std::runtime_error("no session");
          return Counting(peer, log);
        }));
    UdpClient first(loop, server.address()), second(loop, server.address());
    CHECK(first.ask(loop, "x") == "1:x");
    CHECK_THROWS_WITH(second.ask(loop, "x"), "no session");
    CHECK(first.ask(loop, "x") == "2:x");
  }

  TEST_CASE("for_each() skips sessions that an earlier visit has closed") {
    Loop loop;
    Log log;
    auto server = serve(loop, log);
    std::list<UdpClient> clients;
    for (int i = 0; i < 5; ++i) clients.emplace_back(loop, server.address()).ask(loop, "x");
    std::vector<Counting*> all;
    server.for_each([&](Counting& session) { all.push_back(&session); });
    REQUIRE(all.size() == 5);
    std::vector<Counting*> visited;
    server.for_each([&](Counting& session) {
      visited.push_back(&session);
      if (&session != all[1]) return;
      for (Counting* const closed : {all[1], all[2], all[0], all[3]}) closed->peer.close();
    });
    CHECK(visited == std::vector<Counting*>{all[0], all[1], all[4]});
    CHECK(server.sessions() == 1);
    run_until(loop, [&] { return log.alive == 1; });
  }

  TEST_CASE("options that no server can work with are refused with a hint") {
    Loop loop;
    Log log;
    const auto bind = [&](UdpServerOptions options) {
      return failure(UdpServer<Counting>::bind(loop, "127.0.0.1:0", options,
                                               [&](UdpPeer& peer) { return Counting(peer, log); }));
    };
    CHECK(bind({.max_sessions = 0}) ==
          "bind 127.0.0.1:0: invalid argument (max_sessions is 0: no peer could be served)");
    CHECK(bind({.max_per_network = 0}) ==
          "bind 127.0.0.1:0: invalid argument (max_per_network is 0: no peer could be served)");
    CHECK(bind({.idle_timeout = -1ms}) ==
          "bind 127.0.0.1:0: invalid argument (idle_timeout is negative)");
  }

  TEST_CASE("the sessions of a draining server end before run() returns") {
    Loop loop;
    Log log;
    auto server = serve(loop, log);
    UdpClient client(loop, server.address());
    CHECK(client.ask(loop, "x") == "1:x");
    client.socket.pause();
    server.drain();
    loop.run();
    CHECK(log.alive == 0);
    CHECK(server.address().port() != 0);
    server.on_error(nullptr);
  }
}
