#include "reactor/admission.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/server.hpp"
#include "reactor/timer.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Admission;
using reactor::AdmissionLimits;
using reactor::Error;
using reactor::Loop;
using reactor::Server;
using reactor::ServerOptions;
using reactor::Socket;
using reactor::Stream;
using reactor::Timer;

namespace {

// A client that sends `login` is accepted. Everything is echoed.
struct Login {
  Stream& stream;
  std::vector<std::error_code>& ends;

  void on_data(std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.starts_with("login")) stream.accept();
    stream.write(bytes);
  }
  void on_close(const Error& error) { ends.push_back(error.code); }
};

// A server of such sessions, and what its clients and its program observe.
class TestServer {
 public:
  TestServer(Loop& on, ServerOptions options, Transport transport = Transport::tcp4)
      : loop(on),
        server(
            ok(Server<Login>::listen(on, any_address(transport), options, [this](Stream& stream) {
              return Login{stream, ends};
            }))) {
    server.on_error([this](const Error& error) { errors.push_back(error.message()); });
  }

  // Connects from `host`, an address in 127/8.
  Peer& connect(const std::string& host = "127.0.0.1") {
    Socket socket = ok(Socket::open(reactor::Family::ipv4, reactor::SocketType::stream));
    ok(socket.bind(address(host + ":0")));
    Address to = address("127.0.0.1:1");
    to.set_port(server.address().port());
    if (!ok(socket.connect(to))) {
      pollfd connected{socket.fd(), POLLOUT, 0};
      REQUIRE(poll(&connected, 1, 20'000) == 1);
    }
    return clients.emplace_back(loop, std::move(socket));
  }

  // Returns once the first message is echoed: the server has accepted this connection and all
  // before it.
  Peer& connect_and_say(const std::string& text, const std::string& host = "127.0.0.1") {
    Peer& client = connect(host);
    say(client, text);
    return client;
  }

  void say(Peer& client, const std::string& text) {
    const std::size_t before = client.received().size();
    client.send(text);
    run_until(loop, [&] { return client.received().size() == before + text.size(); });
  }

  void wait_for_reset(Peer& client) {
    run_until(loop, [&] { return client.over(); });
    CHECK(client.error() == ECONNRESET);
  }

  Loop& loop;
  std::vector<std::error_code> ends;
  std::vector<std::string> errors;
  std::list<Peer> clients;
  Server<Login> server;
};

// An Admission without a server, so that a peer can have any address.
class TestAdmission {
 public:
  TestAdmission(Loop& on, AdmissionLimits limits) : loop(on), admission(on, limits, [] {}) {}

  struct Connection {
    Connection(TestAdmission& in, std::array<Socket, 2> pair, const Address& peer)
        : stream(in.loop, std::move(pair[0])),
          entry(in.admission, stream, peer),
          other(std::move(pair[1])) {
      stream.on_close([this](const Error& error) { why = error.code; });
    }
    Stream stream;
    Admission::Entry entry;
    Socket other;
    std::error_code why;
  };

  // Null where no connection is allowed.
  Connection* enter(const std::string& endpoint) {
    const Address peer = address(endpoint);
    if (!admission.make_room(peer)) return nullptr;
    return &connections.emplace_back(*this, connected_sockets(Transport::unix_socket), peer);
  }

  Loop& loop;
  Admission admission;
  std::list<Connection> connections;
};

std::uint32_t any_seed() {
  if (const char* seed = std::getenv("UVREACTOR_SEED")) {
    return static_cast<std::uint32_t>(std::strtoul(seed, nullptr, 10));
  }
  return std::random_device{}();
}

}  // namespace

TEST_SUITE("server_limits") {
  // ---- By network

  TEST_CASE("a network is an IPv4 address, 64 bits of an IPv6 address, or all unix sockets") {
    CHECK(address("192.0.2.7:80").network() == address("192.0.2.7:0"));
    CHECK(address("[::ffff:192.0.2.7]:80").network() == address("192.0.2.7:0"));
    CHECK(address("[2001:db8:1:2:3:4:5:6]:80").network() == address("[2001:db8:1:2::]:0"));
    CHECK(address("[2001:db8:1:2::1]:80").network() != address("[2001:db8:1:3::1]:80").network());
    CHECK(address("unix:/a").network() == address("unix:@b").network());
    CHECK(address("unix:/a").network().is_unspecified());
  }

  TEST_CASE_TEMPLATE("connections beyond those that a network may have are reset, others are not",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    TestServer served(mode.loop, {.max_per_network = 2});
    Peer& first = served.connect_and_say("x", "127.0.0.2");
    served.connect_and_say("x", "127.0.0.2");
    for (int i = 0; i < 100; ++i) served.connect("127.0.0.2");
    Peer& other = served.connect_and_say("x", "127.0.0.3");
    for (Peer& client : served.clients) {
      const bool keeps_its_place = client.received() == "x";
      if (!keeps_its_place) served.wait_for_reset(client);
    }
    CHECK_FALSE(first.over());
    CHECK_FALSE(other.over());
    CHECK(served.server.connections() == 3);
    CHECK(served.server.turned_away().of_full_network == 100);
    CHECK(served.ends.empty());

    first.close();
    run_until(mode.loop, [&] { return served.server.connections() == 2; });
    served.connect_and_say("x", "127.0.0.2");
  }

  TEST_CASE("connections that are turned away are reported, but not each one") {
    Loop loop;
    TestServer served(loop, {.max_per_network = 1});
    served.connect_and_say("x", "127.0.0.2");
    for (int i = 0; i < 50; ++i) served.connect("127.0.0.2");
    run_until(loop, [&] { return served.server.turned_away().of_full_network == 50; });
    REQUIRE_FALSE(served.errors.empty());
    CHECK(served.errors.size() < 20);  // At most one per second.
    CHECK(
        served.errors[0] ==
        "accept from 127.0.0.2: too many connections from this network (1 turned away until now)");
  }

  TEST_CASE("an IPv4 client of a dual-stack socket counts as an IPv4 client") {
    Loop loop;
    if (std::count(transports().begin(), transports().end(), Transport::tcp6) == 0) {
      MESSAGE("skipped: this machine knows no IPv6");
      return;
    }
    std::vector<std::error_code> ends;
    // any_address() would be an IPv6 loopback address, which no IPv4 client reaches.
    auto server =
        ok(Server<Login>::listen(loop, "[::]:0", {.max_per_network = 1}, [&](Stream& stream) {
          return Login{stream, ends};
        }));
    Address ipv4 = address("127.0.0.1:1");
    ipv4.set_port(server.address().port());
    Address ipv6 = address("[::1]:1");
    ipv6.set_port(server.address().port());
    Peer first(loop, connect_to(ipv4));
    first.send("x");
    run_until(loop, [&] { return first.received() == "x"; });
    Peer second(loop, connect_to(ipv4)), third(loop, connect_to(ipv6));
    third.send("x");
    run_until(loop, [&] { return second.over() && third.received() == "x"; });
    CHECK(second.error() == ECONNRESET);
  }

  TEST_CASE("addresses of one /64 count as one peer, and addresses of another /64 do not") {
    Loop loop;
    TestAdmission counted(loop, {.connections = 100, .descriptors = SIZE_MAX, .per_network = 3});
    for (const char* host :
         {"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:2", "[2001:db8:1:2:a:b:c:d]:3"}) {
      CHECK(counted.enter(host));
    }
    CHECK_FALSE(counted.enter("[2001:db8:1:2::4]:4"));
    CHECK(counted.enter("[2001:db8:1:3::1]:1"));
    counted.connections.pop_front();
    CHECK(counted.enter("[2001:db8:1:2::4]:4"));
    CHECK_FALSE(counted.enter("[2001:db8:1:2::5]:4"));
  }

  TEST_CASE("unix sockets do not count as a network") {
    Loop loop;
    TestServer served(loop, {.max_per_network = 1}, Transport::unix_socket);
    std::list<Peer> clients;
    for (int i = 0; i < 5; ++i) {
      clients.emplace_back(loop, connect_to(served.server.address())).send("x");
    }
    run_until(loop, [&] {
      return std::all_of(clients.begin(), clients.end(),
                         [](const Peer& client) { return client.received() == "x"; });
    });
  }

  // ---- By acceptance

  TEST_CASE_TEMPLATE("a client that is not accepted in time is reset, whatever it sends", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    TestServer served(loop, {.unaccepted_timeout = 60ms});
    const auto began = Loop::Clock::now();
    Peer& user = served.connect_and_say("login");
    Peer& slow = served.connect();
    const auto drip = Timer::every(loop, 1ms, [&] {
      if (!slow.over()) slow.send_some("x");
    });
    run_until(loop, [&] { return slow.over(); });
    CHECK(Loop::Clock::now() - began >= 60ms);
    run_until(loop, [&] { return served.ends.size() == 1; });
    CHECK(served.ends[0] == reactor::not_accepted_in_time());
    CHECK(served.ends[0] == std::errc::timed_out);
    CHECK(served.server.turned_away().accepted_too_late == 1);
    CHECK(served.server.unaccepted() == 0);
    served.say(user, "still here");
  }

  TEST_CASE("a refused client that goes on sending does not keep its place any longer") {
    struct Refuses {
      Stream& stream;
      void on_data(std::span<const std::byte>) { stream.close(); }
    };
    Loop loop;
    auto server = ok(Server<Refuses>::listen(loop, "127.0.0.1:0", {.unaccepted_timeout = 50ms}));
    Peer client(loop, connect_to(server.address()));
    client.send("x");
    run_until(loop, [&] { return client.ended(); });
    const auto drip = Timer::every(loop, 1ms, [&] { client.send_some("x"); });
    run_until(loop, [&] { return server.connections() == 0; });
    CHECK(server.turned_away().accepted_too_late == 1);
  }

  TEST_CASE_TEMPLATE("a new unaccepted connection takes the place of the oldest of its network",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    TestServer served(loop, {.unaccepted_timeout = 1h, .max_unaccepted = 4});
    Peer& user = served.connect_and_say("login", "127.0.0.2");
    Peer& other = served.connect_and_say("x", "127.0.0.3");
    Peer& oldest = served.connect_and_say("x", "127.0.0.2");
    Peer& second = served.connect_and_say("x", "127.0.0.2");
    served.connect_and_say("x", "127.0.0.2");
    CHECK(served.server.unaccepted() == 4);
    CHECK(served.ends.empty());

    served.connect_and_say("x", "127.0.0.2");
    served.wait_for_reset(oldest);
    served.connect_and_say("x", "127.0.0.2");
    served.wait_for_reset(second);
    CHECK_FALSE(other.over());
    // A client of a network without unaccepted connections replaces the oldest of all networks.
    Peer& newcomer = served.connect_and_say("x", "127.0.0.4");
    served.wait_for_reset(other);

    served.say(newcomer, "login");
    served.say(user, "still here");
    CHECK(served.server.unaccepted() == 3);
    CHECK(served.server.turned_away().gave_way == 3);
    run_until(loop, [&] { return served.ends.size() == 3; });
    for (const std::error_code& end : served.ends) {
      CHECK(end == reactor::gave_way());
      CHECK(end == std::errc::connection_refused);
    }
  }

  TEST_CASE(
      "a client logs in while others fill every unaccepted place and reconnect again and again") {
    Loop loop;
    TestServer served(loop,
                      {.max_connections = 30, .unaccepted_timeout = 1h, .max_unaccepted = 20});
    std::list<Peer> attackers;
    const auto flood = [&] {
      for (int i = 0; i < 10; ++i) {
        Peer& attacker = served.connect("127.0.0." + std::to_string(2 + i % 5));
        attackers.splice(attackers.end(), served.clients, std::prev(served.clients.end()));
        attacker.send_some("x");
      }
      std::erase_if(attackers, [](const Peer& attacker) { return attacker.over(); });
    };
    for (int user = 0; user < 5; ++user) {
      flood();
      Peer& client = served.connect_and_say("who", "127.0.0.9");
      flood();
      served.say(client, "login");
    }
    for (int round = 0; round < 10; ++round) {
      flood();
      for (Peer& user : served.clients) served.say(user, "x");
    }
    CHECK(served.server.unaccepted() == 20);
    CHECK(served.server.connections() <= 30 + Admission::most_giving_way);
  }

  TEST_CASE_TEMPLATE(
      "at the maximum of connections an unaccepted one gives way, an accepted one never does",
      LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    TestServer served(loop, {.max_connections = 2, .unaccepted_timeout = 1h});
    served.connect_and_say("login");
    Peer& stranger = served.connect_and_say("x");
    Peer& second = served.connect_and_say("login");
    served.wait_for_reset(stranger);
    // All connections are accepted, so a new one waits until one of them ends.
    Peer& waiting = served.connect();
    waiting.send("x");
    for (int i = 0; i < 5; ++i) loop.poll();
    CHECK(waiting.received() == "");
    CHECK_FALSE(waiting.over());
    second.close();
    run_until(loop, [&] { return waiting.received() == "x"; });
    CHECK(served.server.turned_away().gave_way == 1);
  }

  TEST_CASE(
      "a full network admits a new connection in place of an unaccepted one of the same network") {
    Loop loop;
    TestServer served(loop, {.max_per_network = 2, .unaccepted_timeout = 1h});
    served.connect_and_say("login", "127.0.0.2");
    Peer& stranger = served.connect_and_say("x", "127.0.0.2");
    served.connect_and_say("login", "127.0.0.2");
    served.wait_for_reset(stranger);
    served.wait_for_reset(served.connect("127.0.0.2"));
    CHECK(served.server.turned_away().gave_way == 1);
    CHECK(served.server.turned_away().of_full_network == 1);
  }

  TEST_CASE(
      "accept() may be called in the constructor, more than once, and after the session has "
      "ended") {
    struct Welcomed {
      explicit Welcomed(Stream& of) : stream(of) { stream.accept(); }
      ~Welcomed() { stream.accept(); }
      void on_data(std::span<const std::byte> bytes) {
        stream.accept();
        stream.write(bytes);
      }
      void on_close(const Error&) { stream.accept(); }
      Stream& stream;
    };
    Loop loop;
    const ServerOptions options{.max_connections = 2, .unaccepted_timeout = 20ms};
    auto server = ok(Server<Welcomed>::listen(loop, address("127.0.0.1:0"), options,
                                              [](Stream& of) { return Welcomed(of); }));
    Peer first(loop, connect_to(server.address())), second(loop, connect_to(server.address()));
    run_until(loop, [&] { return server.connections() == 2; });
    CHECK(server.unaccepted() == 0);
    bool later = false;
    const auto timer = Timer::after(loop, 60ms, [&] { later = true; });
    run_until(loop, [&] { return later; });
    CHECK_FALSE(first.over());
    first.send("x");
    run_until(loop, [&] { return first.received() == "x"; });
    first.close();
    second.reset();
    run_until(loop, [&] { return server.connections() == 0; });
  }

  TEST_CASE("without unaccepted_timeout no session has to be accepted") {
    Loop loop;
    TestServer served(loop, {.max_unaccepted = 1});
    for (int i = 0; i < 3; ++i) served.connect_and_say("x");
    served.connect_and_say("login");
    CHECK(served.server.unaccepted() == 0);
    CHECK(served.ends.empty());
    Stream stream(loop, std::move(connected_sockets(Transport::tcp4)[0]));
    CHECK_FALSE(stream.is_accepted());
    stream.accept();
    CHECK(stream.is_accepted());
  }

  TEST_CASE_TEMPLATE(
      "drain() also asks unaccepted sessions to finish, and resets those that are late", LoopMode,
      Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    TestServer served(loop, {.unaccepted_timeout = 50ms});
    served.connect_and_say("login");
    served.connect_and_say("x");
    for (int i = 0; i < 3; ++i) served.connect();
    served.server.drain(60s);
    run_until(loop, [&] {  // Connections whose clients keep their side open still exist.
      return served.server.connections() == 1;
    });
    served.clients.front().close();
    loop.run();
    CHECK(served.server.connections() == 0);
  }

  TEST_CASE("a server may be destroyed by the session that gives way, and by on_error") {
    struct Ends {
      Stream& stream;
      std::optional<Server<Ends>>* server;
      void on_data(std::span<const std::byte>) {}
      void on_close(const Error&) const {
        if (server) server->reset();
      }
    };
    for (const bool by_session : {true, false}) {
      CAPTURE(by_session);
      Loop loop;
      std::optional<Server<Ends>> server;
      server = ok(Server<Ends>::listen(loop, address("127.0.0.1:0"),
                                       {.unaccepted_timeout = 1h, .max_unaccepted = 1},
                                       [&](Stream& stream) {
                                         return Ends{stream, by_session ? &server : nullptr};
                                       }));
      if (!by_session) server->on_error([&](const Error&) { server.reset(); });
      const Address where = server->address();
      Peer first(loop, connect_to(where)), second(loop, connect_to(where));
      run_until(loop, [&] { return !server && first.over() && second.over(); });
    }
  }

  // ---- Of the whole process

  TEST_CASE("the descriptors for connections exclude those that are open, and the reserved ones") {
    const std::size_t all = reactor::descriptors_for_connections(0);
    CHECK(reactor::descriptors_for_connections(10) == all - 10);
    CHECK(reactor::descriptors_for_connections(SIZE_MAX) == all - all / 2);
    const auto sockets = connected_sockets(Transport::unix_socket);
    CHECK(reactor::descriptors_for_connections(0) == all - 2);
  }

  TEST_CASE("a connection counts with the descriptors it may use, and not after its end") {
    Loop loop;
    const std::size_t before = reactor::descriptors_for_connections(0);
    {
      TestServer served(loop, {.descriptors_each = 3});
      const std::size_t listening = reactor::descriptors_for_connections(0);
      Peer& client = served.connect_and_say("x");
      // The two sockets are open, and one of them is the server's.
      CHECK(reactor::descriptors_for_connections(0) >= listening - 1);
      CHECK(served.server.connections() == 1);
      client.close();
      run_until(loop, [&] { return served.server.connections() == 0; });
    }
    CHECK(reactor::descriptors_for_connections(0) == before);
  }

  TEST_CASE("servers share the descriptors of the process, and each may have one connection") {
    Loop loop;
    const AdmissionLimits limits{.connections = 100, .descriptors = 4, .descriptors_each = 2};
    TestAdmission one(loop, limits), other(loop, limits);
    CHECK_FALSE(one.admission.is_full());
    one.enter("127.0.0.1:1");
    CHECK_FALSE(one.admission.is_full());
    one.enter("127.0.0.1:2");
    CHECK(one.admission.is_full());
    CHECK(one.admission.waits_for_others());
    CHECK_FALSE(other.admission.is_full());
    other.enter("127.0.0.1:3");
    CHECK(other.admission.is_full());
    one.connections.pop_front();
    CHECK(other.admission.is_full());
    one.connections.pop_front();
    CHECK_FALSE(other.admission.is_full());
  }

  // ---- Over time

  TEST_CASE("after many connects and disconnects only existing connections are counted") {
    const std::uint32_t seed = any_seed();
    INFO("UVREACTOR_SEED=", seed);
    std::mt19937 random(seed);
    const auto any = [&random](std::size_t below) { return random() % below; };
    Loop loop;
    const std::size_t before = reactor::descriptors_for_connections(0);
    {
      TestAdmission counted(loop, {.connections = 20,
                                   .descriptors = SIZE_MAX,
                                   .per_network = 3,
                                   .unaccepted = 8,
                                   .unaccepted_timeout = 1h});
      for (int step = 0; step < 3000; ++step) {
        auto& connections = counted.connections;
        const auto any_one = [&] {
          return std::next(connections.begin(), static_cast<long>(any(connections.size())));
        };
        switch (any(8)) {
          case 0:
          case 1:
            if (!connections.empty()) any_one()->stream.accept();
            break;
          case 2:
            if (!connections.empty()) connections.erase(any_one());
            break;
          default:
            if (counted.admission.is_full()) break;
            counted.enter("10.0.0." + std::to_string(any(6)) + ":1");
        }
        loop.poll();
        std::erase_if(connections,
                      [](const TestAdmission::Connection& one) { return bool(one.why); });
        REQUIRE(counted.admission.connections() == connections.size());
        REQUIRE(counted.admission.connections() <= 20);
        const auto waiting =
            std::count_if(connections.begin(), connections.end(),
                          [](const auto& one) { return !one.stream.is_accepted(); });
        REQUIRE(counted.admission.unaccepted() == static_cast<std::size_t>(waiting));
        REQUIRE(waiting <= 8);
      }
      CHECK(counted.admission.turned_away().gave_way > 0);
      CHECK(counted.admission.turned_away().of_full_network > 0);
      counted.connections.clear();
      CHECK(counted.admission.connections() == 0);
      CHECK(counted.admission.unaccepted() == 0);
      for (int i = 0; i < 3; ++i) CHECK(counted.enter("10.0.0.1:1"));
    }
    CHECK(reactor::descriptors_for_connections(0) == before);
  }
}
