#include "reactor/server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/timer.hpp"
#include "support/peer.hpp"
#include "support/positions.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Error;
using reactor::Loop;
using reactor::Server;
using reactor::ServerOptions;
using reactor::Stream;
using reactor::Timer;

namespace {

using Bytes = std::span<const std::byte>;

struct Echo {
  Stream& stream;
  void on_data(Bytes bytes) { stream.write(bytes); }
};

// What sessions were told, in order.
struct Log {
  std::string told;
  int alive = 0;
};

struct Logging {
  Logging(Stream& of, Log& into) : stream(of), log(into) { ++log.alive; }
  Logging(const Logging&) = delete;
  Logging& operator=(const Logging&) = delete;
  ~Logging() {
    --log.alive;
    log.told += "destroyed ";
  }

  void on_data(Bytes bytes) {
    log.told += "data ";
    stream.write(bytes);
  }
  void on_end() {
    log.told += "end ";
    stream.shutdown();
  }
  void on_drained() { log.told += "drained "; }
  void on_close(const Error& error) { log.told += error ? "error " : "closed "; }

  Stream& stream;
  Log& log;
};

// Ends when asked to, but says something first.
struct Polite {
  Stream& stream;
  void on_data(Bytes) {}
  void finish() {
    stream.write("goodbye");
    stream.close();
  }
};

// Never ends by itself, and will not be asked.
struct Stubborn {
  Stream& stream;
  void on_data(Bytes) {}
  void on_end() {}
  void finish() {}
};

template <class Session>
Server<Session> listen(Loop& loop, ServerOptions options = {},
                       Transport transport = Transport::tcp4) {
  auto server = Server<Session>::listen(loop, any_address(transport), options,
                                        [](Stream& stream) { return Session{stream}; });
  REQUIRE(server);
  return std::move(*server);
}

Server<Logging> listen_and_log(Loop& loop, Log& log, ServerOptions options = {}) {
  auto server = Server<Logging>::listen(loop, any_address(Transport::tcp4), options,
                                        [&log](Stream& stream) { return Logging(stream, log); });
  REQUIRE(server);
  return std::move(*server);
}

struct Destructive {
  std::function<void()> destroy;
  void on_data(Bytes) {}
  void finish() {
    const auto last_call = destroy;  // Outlives the session.
    last_call();
  }
};

struct Client : Peer {
  Client(Loop& loop, const Address& server) : Peer(loop, connect_to(server)) {}
};

}  // namespace

TEST_SUITE("server") {
  TEST_CASE_TEMPLATE("every connection has a session of its own", Position, Host, Guest) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      Position position;
      Loop& loop = position.loop;
      auto server = listen<Echo>(loop, {}, transport);
      std::list<Client> clients;
      for (int i = 0; i < 20; ++i) {
        clients.emplace_back(loop, server.address()).send("I am " + std::to_string(i));
      }
      run_until(loop, [&] {
        int i = 0;
        for (Client& client : clients) {
          if (client.received() != "I am " + std::to_string(i++)) return false;
        }
        return true;
      });
      CHECK(server.connections() == 20);
      int visited = 0;
      server.for_each([&](Echo&) { ++visited; });
      CHECK(visited == 20);
      for (Client& client : clients) client.close();
      run_until(loop, [&] { return server.connections() == 0; });
    }
  }

  TEST_CASE_TEMPLATE("a session is told what its stream is, and destroyed after on_close", Position,
                     Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    Log log;
    auto server = listen_and_log(loop, log);
    Client client(loop, server.address());
    client.send("x");
    run_until(loop, [&] { return client.received() == "x"; });
    CHECK(log.alive == 1);
    client.finish();
    run_until(loop, [&] { return client.ended() && log.alive == 0; });
    CHECK(log.told == "data end closed destroyed ");

    log.told.clear();
    Client rude(loop, server.address());
    rude.send("x");
    run_until(loop, [&] { return rude.received() == "x"; });
    rude.reset();
    run_until(loop, [&] { return server.connections() == 0; });
    CHECK(log.told == "data error destroyed ");
  }

  TEST_CASE_TEMPLATE("a server takes its endpoint as text, and says what is wrong with it",
                     Position, Host, Guest) {
    Position position;
    const auto server = Server<Echo>::listen(position.loop, "127.0.0.1:0");
    REQUIRE(server);
    CHECK(server->address().port() != 0);
    const auto nonsense = Server<Echo>::listen(position.loop, "nonsense");
    REQUIRE_FALSE(nonsense);
    CHECK(nonsense.error().code == std::errc::invalid_argument);
    const auto taken = Server<Echo>::listen(position.loop, server->address(), {},
                                            [](Stream& stream) { return Echo{stream}; });
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == std::errc::address_in_use);
  }

  TEST_CASE_TEMPLATE("a server can be given a socket that listens already", Position, Host, Guest) {
    Position position;
    auto listening = listening_socket(Transport::tcp4);
    const Address address = *listening.local_address();
    auto server = Server<Echo>::adopt(position.loop, std::move(listening), {},
                                      [](Stream& stream) { return Echo{stream}; });
    REQUIRE(server);
    Client client(position.loop, address);
    client.send("x");
    run_until(position.loop, [&] { return client.received() == "x"; });
  }

  TEST_CASE_TEMPLATE("an idle connection is closed, one that speaks is not", Position, Host,
                     Guest) {
    Position position;
    Loop& loop = position.loop;
    auto server = listen<Echo>(loop, {.idle_timeout = 30ms});
    Client silent(loop, server.address()), talking(loop, server.address());
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    // Nobody is silent for half the timeout, unless this machine stalls for as long.
    auto talked = began;
    Clock::duration longest_gap{0};
    const auto talk = [&] {
      longest_gap = std::max(longest_gap, Clock::now() - talked);
      talked = Clock::now();
      if (!talking.over()) talking.send("x");
    };
    const auto tick = Timer::every(loop, 1ms, talk);
    run_until(loop, [&] { return silent.over(); });
    talk();
    CHECK(silent.ended());
    CHECK(Clock::now() - began >= 30ms);
    if (longest_gap < 15ms) CHECK_FALSE(talking.over());
  }

  TEST_CASE_TEMPLATE("connections beyond the most allowed wait until one is closed", Position, Host,
                     Guest) {
    Position position;
    Loop& loop = position.loop;
    auto server = listen<Echo>(loop, {.max_connections = 2});
    std::list<Client> clients;
    for (int i = 0; i < 5; ++i) clients.emplace_back(loop, server.address()).send("x");
    const auto served = [&] {
      int count = 0;
      for (Client& client : clients) count += client.received() == "x";
      return count;
    };
    run_until(loop, [&] { return served() == 2; });
    for (int turn = 0; turn < 5; ++turn) loop.poll();
    CHECK(served() == 2);
    CHECK(server.connections() == 2);
    while (clients.size() > 2) {
      clients.front().close();
      clients.pop_front();
      CHECK(served() == 1);
      run_until(loop, [&] { return served() == 2; });
      CHECK(server.connections() == 2);
    }
  }

  // ---- Ending

  TEST_CASE_TEMPLATE("drain() lets every session finish, and run() return", Position, Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    auto server = listen<Polite>(loop);
    const Address address = server.address();
    std::list<Client> clients;
    for (int i = 0; i < 3; ++i) clients.emplace_back(loop, address);
    run_until(loop, [&] { return server.connections() == 3; });
    server.drain();
    server.drain();
    for (Client& client : clients) {
      run_until(loop, [&] { return client.over(); });
      CHECK(client.received() == "goodbye");
      CHECK(client.ended());
    }
    auto late = *reactor::Socket::open(reactor::Family::ipv4, reactor::SocketType::stream);
    REQUIRE(late.connect(address));
    CHECK(late.take_error().code == std::errc::connection_refused);
    clients.clear();
    loop.run();
    CHECK(server.connections() == 0);
  }

  TEST_CASE_TEMPLATE("drain() closes sessions that cannot be asked to finish, without loss",
                     Position, Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    Log log;
    auto server = listen_and_log(loop, log);
    Client client(loop, server.address());
    client.hold();
    for (int i = 0; i < 10; ++i) client.send(Pattern::text(100'000));
    run_until(loop, [&] { return log.told.size() > 0; });
    server.drain(60s);
    client.read_on();
    run_until(loop, [&] { return client.over(); });
    CHECK(client.ended());
    client.close();
    loop.run();
    CHECK(log.told.ends_with("closed destroyed "));
  }

  TEST_CASE_TEMPLATE("drain() cuts off what does not end in time", Position, Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    auto server = listen<Stubborn>(loop);
    Client client(loop, server.address());
    run_until(loop, [&] { return server.connections() == 1; });
    server.drain(20ms);
    run_until(loop, [&] { return client.over(); });
    CHECK(client.error() == ECONNRESET);
    loop.run();
    CHECK(server.connections() == 0);
  }

  TEST_CASE_TEMPLATE("a destroyed server closes everything at once, and says nothing", Position,
                     Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    Log log;
    std::optional server = listen_and_log(loop, log);
    Client client(loop, server->address());
    client.send("x");
    run_until(loop, [&] { return client.received() == "x"; });
    server.reset();
    CHECK(log.told == "data destroyed ");
    run_until(loop, [&] { return client.over(); });
    loop.run();
  }

  TEST_CASE_TEMPLATE("a session that cannot be made costs its own connection only", Position, Host,
                     Guest) {
    Position position;
    Loop& loop = position.loop;
    int made = 0;
    auto server = Server<Echo>::listen(loop, any_address(Transport::tcp4), {}, [&](Stream& stream) {
      if (++made == 1) throw std::runtime_error("no session");
      return Echo{stream};
    });
    REQUIRE(server);
    Client first(loop, server->address()), second(loop, server->address());
    second.send("x");
    CHECK_THROWS_WITH(run_until(loop, [&] { return second.received() == "x"; }), "no session");
    run_until(loop, [&] { return second.received() == "x" && first.over(); });
    CHECK(server->connections() == 1);
  }

  TEST_CASE_TEMPLATE("a session may be made by what ends its stream or the server", Position, Host,
                     Guest) {
    for (const std::string how : {"close", "abort", "drain"}) {
      CAPTURE(how);
      Position position;
      Loop& loop = position.loop;
      std::optional<Server<Echo>> server;
      server = std::move(
          *Server<Echo>::listen(loop, any_address(Transport::tcp4), {}, [&](Stream& stream) {
            if (how == "close") stream.close();
            if (how == "abort") stream.abort();
            if (how == "drain") server->drain();
            return Echo{stream};
          }));
      Client client(loop, server->address());
      run_until(loop, [&] { return client.over(); });
      client.close();
      run_until(loop, [&] { return server->connections() == 0; });
    }
  }

  TEST_CASE_TEMPLATE("a server may be destroyed while a session is made", Position, Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    std::optional<Server<Echo>> server;
    server = std::move(
        *Server<Echo>::listen(loop, any_address(Transport::tcp4), {}, [&](Stream& stream) {
          server.reset();
          return Echo{stream};
        }));
    Client client(loop, server->address());
    run_until(loop, [&] { return client.over(); });
    CHECK_FALSE(server);
    loop.run();
  }

  TEST_CASE_TEMPLATE("a server may be destroyed by a session that it asks to finish", Position,
                     Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    std::optional<Server<Destructive>> server;
    server = std::move(*Server<Destructive>::listen(
        loop, any_address(Transport::tcp4), {},
        [&](Stream&) { return Destructive{[&] { server.reset(); }}; }));
    Client first(loop, server->address()), second(loop, server->address());
    run_until(loop, [&] { return server->connections() == 2; });
    server->drain();
    CHECK_FALSE(server);
    run_until(loop, [&] { return first.over() && second.over(); });
  }

  TEST_CASE_TEMPLATE("a connection that ends under load does not disturb its neighbours", Position,
                     Host, Guest) {
    constexpr int rounds = 300;
    Position position;
    Loop& loop = position.loop;
    auto server = listen<Echo>(loop);
    Client steady(loop, server.address());
    std::string expected;
    for (int round = 0; round < rounds; ++round) {
      Client passing(loop, server.address());
      passing.send("hello");
      if (round % 3 == 0) passing.reset();
      if (round % 3 == 1) passing.close();
      const std::string text = std::to_string(round) + " ";
      expected += text;
      steady.send(text);
      run_until(loop, [&] { return steady.received() == expected; });
    }
    run_until(loop, [&] { return server.connections() == 1; });
  }
}
