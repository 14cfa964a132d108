// What the user's code may do to a UdpServer with several sessions, from any of its calls: each
// moment is combined with each action. AddressSanitizer finds what the checks do not.
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/udp_server.hpp"
#include "support/lifetime.hpp"
#include "support/loop_modes.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using lifetime::established;
using reactor::Datagram;
using reactor::DatagramSocket;
using reactor::Error;
using reactor::Loop;
using reactor::UdpPeer;
using reactor::UdpServer;
using reactor::UdpServerOptions;

namespace {

// When the user's code runs.
enum class Moment {
  make_session,
  on_datagram,
  visitor,
  destructor_when_closed,
  destructor_when_forgotten,
  destructor_when_idle,
  destructor_with_the_server,
  on_error,
};

const std::vector<std::pair<Moment, const char*>> moments = {
    {Moment::make_session, "make_session"},
    {Moment::on_datagram, "on_datagram"},
    {Moment::visitor, "visitor"},
    {Moment::destructor_when_closed, "~Session when closed"},
    {Moment::destructor_when_forgotten, "~Session when forgotten"},
    {Moment::destructor_when_idle, "~Session when idle"},
    {Moment::destructor_with_the_server, "~Session with the server"},
    {Moment::on_error, "on_error"},
};

constexpr bool is_destructor(Moment moment) {
  return moment != Moment::make_session && moment != Moment::on_datagram &&
         moment != Moment::visitor && moment != Moment::on_error;
}

class World;
using Action = lifetime::Action<World>;

class World {
 public:
  World(Loop& on, Moment when, const Action& what);
  ~World() { server_.reset(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void destroy() {
    server_.reset();
    destroyed_ = true;
  }
  void drain() {
    if (server_) server_->drain();
  }
  void for_each(const std::function<void(UdpPeer&)>& visit) {
    if (server_) server_->for_each([&](Session& session) { visit(session.peer); });
  }

  // Causes the moment, while calls to all other sessions are due too.
  void trigger() {
    switch (moment_) {
      case Moment::make_session:
      case Moment::destructor_when_forgotten:
        for (int i = 0; i < established; ++i) connect();
        break;
      case Moment::on_datagram:
        for (int round = 0; round < 3; ++round) send_to_all("x");
        break;
      case Moment::destructor_when_closed:
        send_to_all("bye");
        break;
      case Moment::destructor_when_idle:
        break;
      case Moment::visitor:
        server_->for_each([&](Session& session) { at(Moment::visitor, session.number); });
        break;
      case Moment::destructor_with_the_server:
        destroy();
        break;
      case Moment::on_error:
        clients_.pop_front();  // The next datagram reaches no socket.
        for_each([](UdpPeer& peer) { peer.send("x"); });
        break;
    }
  }

  void check_that_it_serves() {
    connect();
    run_until(loop, [&] { return answered_ > 0; });
  }

  /// The peers by the number of their session, in the order in which the sessions were made.
  std::map<int, UdpPeer*> peers;
  Loop& loop;

  bool acted = false;
  int late_calls = 0;
  int delivered = 0;
  bool is_destroyed() const { return destroyed_; }
  std::size_t sessions() const { return server_ ? server_->sessions() : 0; }

 private:
  // The session may be destroyed when at() returns.
  struct Session {
    Session(World& in, UdpPeer& of, int with) : world(in), peer(of), number(with) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
      if (is_destructor(world.moment_) && world.counts_) world.act_if(number);
      world.peers.erase(number);
    }
    void on_datagram(const Datagram& datagram) {
      ++world.delivered;
      peer.send(datagram.bytes);
      if (datagram.text() == "bye") peer.close();
      world.at(Moment::on_datagram, number);
    }

    World& world;
    UdpPeer& peer;
    const int number;
  };

  Session make_session(UdpPeer& peer) {
    const int number = made_++;
    peers[number] = &peer;
    try {
      at(Moment::make_session, number);
    } catch (...) {
      peers.erase(number);
      throw;
    }
    return Session(*this, peer, number);
  }

  void at(Moment moment, int number) {
    late_calls += destroyed_;
    if (moment == moment_ && counts_) act_if(number);
  }
  void act_if(int number);

  void connect() {
    DatagramSocket& client = clients_.emplace_back(ok(DatagramSocket::connect(loop, address_)));
    client.on_received([this](auto batch) { answered_ += batch.size(); });
    client.send("hello");
  }
  void send_to_all(std::string_view text) {
    for (DatagramSocket& client : clients_) client.send(text);
  }

  [[nodiscard]] int actor() const {
    if (moment_ == Moment::make_session) return established + 1;
    return moment_ == Moment::destructor_when_forgotten ? 0 : 1;
  }
  [[nodiscard]] UdpServerOptions options() const {
    return {.socket = {.icmp_errors = moment_ == Moment::on_error},
            .max_sessions = moment_ == Moment::destructor_when_forgotten ? 3U : 100U,
            .idle_timeout = moment_ == Moment::destructor_when_idle ? 1ms : 60'000ms};
  }

  const Moment moment_;
  const Action& action_;
  int made_ = 0;
  bool counts_ = false;
  bool destroyed_ = false;
  std::size_t answered_ = 0;
  reactor::Address address_;
  std::list<DatagramSocket> clients_;
  std::optional<UdpServer<Session>> server_;
};

World::World(Loop& on, Moment when, const Action& what) : loop(on), moment_(when), action_(what) {
  server_.emplace(ok(UdpServer<Session>::bind(
      loop, "127.0.0.1:0", options(), [this](UdpPeer& peer) { return make_session(peer); })));
  server_->on_error([this](const Error&) { at(Moment::on_error, actor()); });
  address_ = server_->address();
  counts_ = moment_ == Moment::destructor_when_idle;  // That moment may come immediately.
  for (int i = 0; i < established; ++i) connect();
  run_until(loop, [&] { return made_ == established; });
  counts_ = true;
  answered_ = 0;
}

void World::act_if(int number) {
  if (number != actor() || std::exchange(acted, true)) return;
  action_.act(*this, number);
}

std::vector<Action> actions() {
  auto all =
      lifetime::actions<World, UdpPeer>({{"close", [](UdpPeer& peer) { peer.close(); }, true},
                                         {"send to", [](UdpPeer& peer) { peer.send("x"); }}},
                                        [](UdpPeer& peer) { peer.send("x"); });
  all.push_back({"close all in a visitor of visitors",
                 [](World& world, int) {
                   world.for_each(
                       [&](UdpPeer&) { world.for_each([](UdpPeer& peer) { peer.close(); }); });
                 },
                 Action::closes});
  return all;
}

void check_pair(Loop& loop, Moment moment, const Action& action) {
  int caught = 0;
  const auto attempt = [&](const auto& step) { caught += lifetime::throws(step); };
  World world(loop, moment, action);
  const int before = world.delivered;
  attempt([&] { world.trigger(); });
  attempt([&] { run_until(loop, [&] { return world.acted; }); });
  for (int i = 0; i < 5; ++i) attempt([&] { loop.poll(); });
  REQUIRE(world.acted);
  CHECK(caught == (action.effect == Action::throws));
  CHECK(world.late_calls == 0);

  if (world.is_destroyed()) {
    CHECK(world.peers.empty());
  } else if (action.effect == Action::drains) {
    CHECK(world.sessions() == 0);
    run_until(loop, [&] { return world.peers.empty(); });
  } else {
    if (moment == Moment::on_datagram) {
      run_until(loop, [&] { return world.delivered == before + 3 * established; });
    }
    world.check_that_it_serves();
  }
}

}  // namespace

TEST_SUITE("udp_server_lifetime") {
  TEST_CASE_TEMPLATE("any callback of a UDP server may end it, drain it, or end any session",
                     LoopMode, Standalone, Embedded) {
    lifetime::for_each_pair<Moment, World>(
        moments, actions(), is_destructor, [](Moment moment, const Action& action) {
          // The portable platform reports no such errors.
          if (moment == Moment::on_error && on_portable_platform()) {
            return;
          }
          LoopMode mode;
          check_pair(mode.loop, moment, action);
        });
  }
}
