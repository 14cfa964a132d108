#include "reactor/server.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/lines.hpp"
#include "reactor/timer.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Error;
using reactor::Loop;
using reactor::Server;
using reactor::ServerOptions;
using reactor::Stream;
using reactor::Timer;
using reactor::WriteStatus;

namespace {

using Bytes = std::span<const std::byte>;

struct Echo {
  Stream& stream;
  void on_data(Bytes bytes) { stream.write(bytes); }
};

struct LineEcho {
  Stream& stream;
  void on_frame(std::string_view line) { stream.write(line); }
};

// The calls that sessions received, in order.
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

// Ends when finish() is called, but sends a goodbye first.
struct Polite {
  Stream& stream;
  void on_data(Bytes) {}
  void finish() {
    stream.write("goodbye");
    stream.close();
  }
};

// Never ends by itself, nor in finish().
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

// Throws in finish(), and closes nevertheless.
struct Throwing {
  Stream& stream;
  void on_data(Bytes) {}
  void finish() {
    stream.close();
    throw std::runtime_error("thrown by finish()");
  }
};

struct Client : Peer {
  Client(Loop& loop, const Address& server) : Peer(loop, connect_to(server)) {}
};

struct TellsEnd {
  Stream& stream;
  std::vector<Error>& ended;
  void on_data(Bytes) {}
  void on_close(const Error& error) { ended.push_back(error); }
};

// Waits for five idle timeouts, then closes.
struct DecidesWhenIdle {
  Stream& stream;
  int& idle;
  void on_data(Bytes) {}
  void on_idle() {
    if (++idle == 5) stream.close();
  }
};

}  // namespace

TEST_SUITE("server") {
  TEST_CASE_TEMPLATE("every connection has a session of its own", LoopMode, Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      LoopMode mode;
      Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE(
      "a session is notified of the events of its stream, and destroyed after on_close", LoopMode,
      Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE(
      "a server takes its endpoint as text, and the error describes what is wrong with it",
      LoopMode, Standalone, Embedded) {
    LoopMode mode;
    const auto server = Server<Echo>::listen(mode.loop, "127.0.0.1:0");
    REQUIRE(server);
    CHECK(server->address().port() != 0);
    const auto nonsense = Server<Echo>::listen(mode.loop, "nonsense");
    REQUIRE_FALSE(nonsense);
    CHECK(nonsense.error().code == std::errc::invalid_argument);
    const auto taken = Server<Echo>::listen(mode.loop, server->address(), {},
                                            [](Stream& stream) { return Echo{stream}; });
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == std::errc::address_in_use);
  }

  TEST_CASE("options that no server can work with are refused with a hint") {
    const std::pair<ServerOptions, const char*> refused[] = {
        {{.max_connections = 0}, "max_connections is 0: no connection could be served"},
        {{.descriptors_each = 0}, "descriptors_each is 0: a connection takes one at least"},
        {{.max_per_network = 0}, "max_per_network is 0: no connection could be served"},
        {{.unaccepted_timeout = -1ms}, "unaccepted_timeout is negative"},
        {{.max_unaccepted = 0}, "max_unaccepted is 0: no connection could be accepted"},
        {{.idle_timeout = -1ms}, "idle_timeout is negative"},
        {{.first_progress_timeout = -1ms}, "first_progress_timeout is negative"},
        {{.stall_timeout = -1ms}, "stall_timeout is negative"},
        {{.close_timeout = -1ms}, "close_timeout is negative"},
        {{.listen = {.backlog = -1}}, "the backlog is negative"},
    };
    Loop loop;
    for (const auto& [options, why] : refused) {
      const std::string hint = why;
      CAPTURE(hint);
      const auto server = Server<Echo>::listen(loop, "127.0.0.1:0", options);
      REQUIRE_FALSE(server);
      CHECK(server.error().code == std::errc::invalid_argument);
      CHECK(server.error().message() == "listen 127.0.0.1:0: invalid argument (" + hint + ")");
    }
    const auto adopted =
        Server<Echo>::adopt(loop, listening_socket(Transport::tcp4), {.max_connections = 0},
                            [](Stream& stream) { return Echo{stream}; });
    REQUIRE_FALSE(adopted);
    CHECK(adopted.error().code == std::errc::invalid_argument);
  }

  TEST_CASE_TEMPLATE("a server can adopt a socket that already listens", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    auto listening = listening_socket(Transport::tcp4);
    const Address address = *listening.local_address();
    auto server = Server<Echo>::adopt(mode.loop, std::move(listening), {},
                                      [](Stream& stream) { return Echo{stream}; });
    REQUIRE(server);
    Client client(mode.loop, address);
    client.send("x");
    run_until(mode.loop, [&] { return client.received() == "x"; });
  }

  TEST_CASE_TEMPLATE("an idle connection is closed, and an active one is not", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = listen<Echo>(loop, {.idle_timeout = 30ms});
    Client silent(loop, server.address()), talking(loop, server.address());
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    // The active client is never silent for half the timeout, unless this machine stalls that long.
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

  TEST_CASE_TEMPLATE("connections beyond the maximum wait until one is closed", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = listen<Echo>(loop, {.max_connections = 2});
    std::list<Client> clients;
    for (int i = 0; i < 5; ++i) clients.emplace_back(loop, server.address()).send("x");
    const auto served = [&] {
      int count = 0;
      for (Client& client : clients) count += client.received() == "x";
      return count;
    };
    run_until(loop, [&] { return served() == 2; });
    for (int i = 0; i < 5; ++i) loop.poll();
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

  TEST_CASE_TEMPLATE("drain() lets every session finish, and run() return", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE("drain() closes sessions that have no finish(), without loss", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE("drain() cuts off connections that do not end in time", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = listen<Stubborn>(loop);
    Client client(loop, server.address());
    run_until(loop, [&] { return server.connections() == 1; });
    server.drain(20ms);
    run_until(loop, [&] { return client.over(); });
    CHECK(client.error() == ECONNRESET);
    loop.run();
    CHECK(server.connections() == 0);
    CHECK(server.cut_off() == 1);
  }

  TEST_CASE_TEMPLATE("drain() serves the connections that the kernel has already accepted",
                     LoopMode, Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      LoopMode mode;
      Loop& loop = mode.loop;
      auto server = listen<Echo>(loop, {}, transport);
      std::list<Client> clients;
      for (int i = 0; i < 200; ++i) clients.emplace_back(loop, server.address()).send("hello");
      server.drain(60s);
      CHECK(server.connections() == 0);  // No callback is called from inside drain().
      for (Client& client : clients) {
        run_until(loop, [&] { return client.over(); });
        CHECK(client.received() == "hello");
        CHECK(client.ended());
      }
      clients.clear();
      loop.run();
      CHECK(server.connections() == 0);
    }
  }

  TEST_CASE("a server listens again at once, whatever is left in TIME_WAIT") {
    Loop loop;
    auto server = listen<Echo>(loop);
    const Address address = server.address();
    std::list<Client> clients;
    for (int i = 0; i < 50; ++i) clients.emplace_back(loop, address);
    run_until(loop, [&] { return server.connections() == clients.size(); });
    server.drain(60s);  // It ends each connection first, so the wait is on its side.
    for (Client& client : clients) {
      run_until(loop, [&] { return client.ended(); });
      client.close();
    }
    run_until(loop, [&] { return server.connections() == 0; });
    CHECK(server.cut_off() == 0);
    CHECK_MESSAGE(!open_socket().bind(address), "a plain socket has to wait");
    const auto next =
        Server<Echo>::listen(loop, address, {}, [](Stream& stream) { return Echo{stream}; });
    CHECK(next);
  }

  TEST_CASE_TEMPLATE("drain() frees the address immediately", LoopMode, Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      LoopMode mode;
      auto server = listen<Echo>(mode.loop, {}, transport);
      const Client waiting(mode.loop, server.address());
      server.drain();
      auto next = Server<Echo>::listen(mode.loop, server.address(), {},
                                       [](Stream& stream) { return Echo{stream}; });
      CHECK_MESSAGE(next, next.error().message());
    }
  }

  TEST_CASE_TEMPLATE("while it drains, a server does not exceed its maximum of connections",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    std::size_t most = 0;
    std::optional<Server<Echo>> server;
    server.emplace(std::move(*Server<Echo>::listen(
        loop, any_address(Transport::tcp4), {.max_connections = 2}, [&](Stream& stream) {
          most = std::max(most, server->connections() + 1);
          return Echo{stream};
        })));
    std::list<Client> clients;
    for (int i = 0; i < 7; ++i) clients.emplace_back(loop, server->address()).send("hello");
    const auto served = [](Client& client) { return client.received() == "hello"; };
    run_until(loop, [&] { return std::count_if(clients.begin(), clients.end(), served) == 2; });
    server->drain(60s);
    for (Client& client : clients) {
      run_until(loop, [&] {
        for (Client& other : clients) {
          if (other.over()) other.close();
        }
        return client.over();
      });
      CHECK(client.received() == "hello");
    }
    loop.run();
    CHECK(most == 2);
  }

  TEST_CASE_TEMPLATE("connections that cannot be served in time are cut off with the others",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = listen<Stubborn>(loop, {.max_connections = 1});
    Client first(loop, server.address()), second(loop, server.address());
    second.send("never read");
    run_until(loop, [&] { return server.connections() == 1; });
    server.drain(20ms);
    run_until(loop, [&] { return first.over() && second.over(); });
    CHECK(second.error() == ECONNRESET);
    loop.run();
    CHECK(server.connections() == 0);
  }

  TEST_CASE_TEMPLATE("drain() calls finish() of every session, whatever one of them throws",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = listen<Throwing>(loop);
    std::list<Client> clients;
    for (int i = 0; i < 3; ++i) clients.emplace_back(loop, server.address());
    run_until(loop, [&] { return server.connections() == 3; });
    clients.emplace_back(loop, server.address());  // Accepted only by the kernel.
    CHECK_THROWS_WITH(server.drain(60s), "thrown by finish()");
    server.drain();
    const auto all_over = [&] {
      return std::all_of(clients.begin(), clients.end(), [](Client& one) { return one.over(); });
    };
    CHECK_THROWS_WITH(run_until(loop, all_over), "thrown by finish()");  // Of the last session.
    run_until(loop, all_over);
    for (Client& client : clients) CHECK(client.ended());
    clients.clear();
    loop.run();
  }

  TEST_CASE_TEMPLATE("after an exception in finish(), drain() still cuts connections off", LoopMode,
                     Standalone, Embedded) {
    struct Refusing {
      Stream& stream;
      void on_data(Bytes) {}
      void on_end() {}
      void finish() { throw std::runtime_error("no"); }
    };
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = listen<Refusing>(loop);
    Client client(loop, server.address());
    run_until(loop, [&] { return server.connections() == 1; });
    CHECK_THROWS_WITH(server.drain(10ms), "no");
    run_until(loop, [&] { return client.over(); });
    loop.run();
    CHECK(server.connections() == 0);
  }

  TEST_CASE_TEMPLATE("a drained server still returns its address", LoopMode, Standalone, Embedded) {
    LoopMode mode;
    auto server = listen<Echo>(mode.loop);
    const Address address = server.address();
    server.on_error([](const Error&) {});
    server.drain();
    CHECK(server.address() == address);
    server.on_error([](const Error&) {});
    mode.loop.run();
    CHECK(server.address() == address);
    server.on_error(nullptr);
    server.set_decoder([] { return reactor::NoDecoder(); });
  }

  TEST_CASE_TEMPLATE(
      "a destroyed server closes everything immediately, and makes no more callbacks", LoopMode,
      Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE("a session that cannot be made ends only its own connection", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE("a decoder that cannot be made ends only its own connection", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    int made = 0;
    auto server = Server<LineEcho, protocols::LineDecoder>::listen(loop, "127.0.0.1:0");
    REQUIRE(server);
    server->set_decoder([&] {
      if (++made == 1) throw std::runtime_error("no decoder");
      return protocols::LineDecoder();
    });
    Client first(loop, server->address()), second(loop, server->address());
    second.send("x\n");
    CHECK_THROWS_WITH(run_until(loop, [&] { return second.received() == "x"; }), "no decoder");
    run_until(loop, [&] { return second.received() == "x" && first.over(); });
    CHECK(server->connections() == 1);
  }

  TEST_CASE_TEMPLATE("the function that makes decoders may be replaced while it makes one",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto server = Server<LineEcho, protocols::LineDecoder>::listen(loop, "127.0.0.1:0");
    REQUIRE(server);
    std::string told;
    const std::string large(100, 'x');  // Too large to be stored inside the Callback.
    server->set_decoder([&, large] {
      for (const char* name : {"second ", "third "}) {
        server->set_decoder([&told, name] {
          told += name;
          return protocols::LineDecoder();
        });
      }
      told += large == std::string(100, 'x') ? "first " : "destroyed ";
      return protocols::LineDecoder();
    });
    Client first(loop, server->address()), second(loop, server->address());
    run_until(loop, [&] { return server->connections() == 2; });
    CHECK(told == "first third ");
  }

  TEST_CASE_TEMPLATE("the function that makes a session may end its stream or the server", LoopMode,
                     Standalone, Embedded) {
    for (const std::string how : {"close", "abort", "drain"}) {
      CAPTURE(how);
      LoopMode mode;
      Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE("a server may be destroyed while a session is made", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE("a server may be destroyed by a session in finish()", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
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

  TEST_CASE_TEMPLATE("a connection that ends under load does not disturb the others", LoopMode,
                     Standalone, Embedded) {
    constexpr int rounds = 300;
    LoopMode mode;
    Loop& loop = mode.loop;
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

  // ---- Time and memory

  TEST_CASE("a connection without any progress is closed, and on_close reports why") {
    Loop loop;
    std::vector<Error> ended;
    const auto server = Server<TellsEnd>::listen(
        loop, "127.0.0.1:0", {.first_progress_timeout = 40ms}, [&](Stream& stream) {
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    Peer silent(loop, connect_to(server->address()));
    Peer speaks(loop, connect_to(server->address()));
    speaks.send("x");
    Peer silent_too(loop, connect_to(server->address()));
    run_until(loop, [&] { return silent.over() && silent_too.over(); });
    silent.close();
    silent_too.close();
    run_until(loop, [&] { return ended.size() == 2; });
    for (const Error& error : ended) {
      CHECK(error.code == reactor::no_first_progress());
      CHECK(error.code == std::errc::timed_out);
    }
    CHECK(ended[0].message().starts_with("serve 127.0.0.1:"));
    CHECK(server->connections() == 1);
    CHECK_FALSE(speaks.over());
  }

  TEST_CASE("a session that pauses its stream before the first byte is not closed as silent") {
    Loop loop;
    std::vector<Error> ended;
    std::vector<Stream*> streams;
    const auto server = Server<TellsEnd>::listen(
        loop, "127.0.0.1:0", {.first_progress_timeout = 20ms}, [&](Stream& stream) {
          if (streams.empty()) stream.pause();
          streams.push_back(&stream);
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    Peer paused(loop, connect_to(server->address()));
    run_until(loop, [&] { return streams.size() == 1; });
    Peer silent(loop, connect_to(server->address()));
    run_until(loop, [&] { return silent.over(); });
    CHECK_FALSE(paused.over());
  }

  TEST_CASE("connections that end while others are silent do not disturb the order of timeouts") {
    Loop loop;
    std::vector<Error> ended;
    const auto server = Server<TellsEnd>::listen(
        loop, "127.0.0.1:0", {.first_progress_timeout = 30ms}, [&](Stream& stream) {
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    std::list<Peer> peers;
    for (int round = 0; round < 5; ++round) {
      for (std::size_t i = 0; i < 20; ++i) {
        Peer& peer = peers.emplace_back(loop, connect_to(server->address()));
        if (i % 3 == 0) peer.reset();
        if (i % 3 == 1) peer.send("x");
      }
      run_until(loop, [&] {
        return std::count_if(peers.begin(), peers.end(), [](Peer& peer) { return peer.over(); }) ==
               (round + 1) * 6;
      });
      std::erase_if(peers, [](Peer& peer) { return peer.error() != 0; });
    }
    run_until(loop, [&] { return server->connections() == 5 * 7 + 5 * 6; });
    for (Peer& peer : peers) peer.close();
    run_until(loop, [&] { return server->connections() == 0; });
  }

  TEST_CASE("an idle connection ends with its own error, unless its session decides otherwise") {
    Loop loop;
    std::vector<Error> ended;
    const auto closing =
        Server<TellsEnd>::listen(loop, "127.0.0.1:0", {.idle_timeout = 30ms}, [&](Stream& stream) {
          return TellsEnd{stream, ended};
        });
    int idle = 0;
    const auto deciding = Server<DecidesWhenIdle>::listen(
        loop, "127.0.0.1:0", {.idle_timeout = 10ms}, [&](Stream& stream) {
          return DecidesWhenIdle{stream, idle};
        });
    REQUIRE((closing && deciding));
    Peer first(loop, connect_to(closing->address()));
    Peer second(loop, connect_to(deciding->address()));
    first.send("x");
    run_until(loop, [&] { return first.over(); });
    first.close();
    run_until(loop, [&] { return ended.size() == 1; });
    CHECK(ended[0].code == reactor::idle_too_long());
    CHECK(ended[0].code == std::errc::timed_out);
    run_until(loop, [&] { return idle >= 3; });
    CHECK_FALSE(second.over());
    run_until(loop, [&] { return second.over(); });
    CHECK(idle == 5);
  }

  TEST_CASE("a connection that moves bytes, is paused or touched is not idle") {
    Loop loop;
    enum Way { sends, receives, paused, touched, ways };
    std::vector<Error> ended;
    std::vector<Stream*> streams;
    const auto server =
        Server<TellsEnd>::listen(loop, "127.0.0.1:0", {.idle_timeout = 100ms}, [&](Stream& stream) {
          streams.push_back(&stream);
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    std::list<Peer> peers;
    for (std::size_t way = 0; way < ways; ++way) {
      peers.emplace_back(loop, connect_to(server->address()));
      run_until(loop, [&] { return streams.size() == way + 1; });
    }
    streams[paused]->pause();
    int steps = 0;
    const auto step = Timer::every(loop, 10ms, [&] {
      ++steps;
      streams[sends]->write("x");
      std::next(peers.begin(), receives)->send("x");
      streams[touched]->touch();
    });
    run_until(loop, [&] { return steps >= 40; });
    CHECK(ended.empty());
    for (Peer& peer : peers) CHECK_FALSE(peer.over());
  }

  TEST_CASE("a client that reads slowly is not idle, also if all output is in the kernel") {
    Loop loop;
    std::vector<Error> ended;
    Stream* served = nullptr;
    const auto server =
        Server<TellsEnd>::listen(loop, "127.0.0.1:0", {.idle_timeout = 60ms}, [&](Stream& stream) {
          served = &stream;
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    Peer slow(loop, connect_to(server->address()));
    slow.hold();
    run_until(loop, [&] { return served != nullptr; });
    while (served->write(Pattern::at(0)) == WriteStatus::sent) {
    }
    int steps = 0;
    const auto step = Timer::every(loop, 10ms, [&] {
      ++steps;
      char some[64 * 1024];
      (void)::recv(slow.socket().fd(), some, sizeof some, 0);
    });
    run_until(loop, [&] { return steps >= 25; });
    CHECK(ended.empty());
  }

  TEST_CASE("a client that does not read its replies is closed in time") {
    Loop loop;
    std::vector<Error> ended;
    const auto server = Server<TellsEnd>::listen(
        loop, "127.0.0.1:0", {.stall_timeout = 50ms, .close_timeout = 50ms}, [&](Stream& stream) {
          while (stream.write(Pattern::at(0)) != WriteStatus::above_high_water) {
          }
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    Peer stalled(loop, connect_to(server->address()));
    stalled.hold();
    run_until(loop, [&] { return ended.size() == 1; });
    CHECK(ended[0].code == std::errc::timed_out);
    stalled.read_on();
    run_until(loop, [&] { return stalled.over(); });
    CHECK(stalled.error() == ECONNRESET);
  }

  TEST_CASE("the bytes queued on all connections together have a limit") {
    Loop loop;
    std::vector<Error> ended;
    const auto server = Server<TellsEnd>::listen(
        loop, "127.0.0.1:0", {.max_total_queued_bytes = 1'000'000}, [&](Stream& stream) {
          while (stream.write(Pattern::at(0)) == WriteStatus::sent) {
          }
          while (stream.queued_bytes() < 400'000) {
            if (stream.write(Pattern::at(0)) == WriteStatus::closed) break;
          }
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    std::list<Peer> peers;
    for (int i = 0; i < 3; ++i) {
      peers.emplace_back(loop, connect_to(server->address())).hold();
    }
    run_until(loop, [&] { return ended.size() == 1; });
    CHECK(ended[0].code == std::errc::no_buffer_space);
    CHECK(server->connections() == 2);
  }

  // Only the timer of the server is armed. run_until() would add one that keeps the clock of the
  // loop up to date.
  TEST_CASE_TEMPLATE("a connection is idle after its idle timeout, also after late progress",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    constexpr auto timeout = 100ms;
    std::vector<Error> ended;
    std::optional<Timer> progress;
    auto server = Server<TellsEnd>::listen(
        loop, "127.0.0.1:0",
        {.idle_timeout = timeout, .first_progress_timeout = {}, .close_timeout = 1ms},
        [&](Stream& stream) {
          progress = Timer::after(loop, timeout / 2, [&stream] { stream.touch(); });
          return TellsEnd{stream, ended};
        });
    REQUIRE(server);
    const auto client = connect_to(server->address());
    const auto began = Loop::Clock::now();
    constexpr int most_looks = 50;  // Each iteration takes at most half the idle timeout.
    for (int i = 0; i < most_looks && ended.empty(); ++i) loop.run_once();
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].code == reactor::idle_too_long());
    CHECK(Loop::Clock::now() - began >= timeout * 3 / 2);
  }
}
