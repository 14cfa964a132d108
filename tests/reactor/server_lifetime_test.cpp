// What the user's code may do to a Server with several connections, from any of its calls: each
// moment is combined with each action. AddressSanitizer finds what the checks do not.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocols/lines.hpp"
#include "reactor/server.hpp"
#include "support/lifetime.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using lifetime::established;
using reactor::Error;
using reactor::Loop;
using reactor::NoDecoder;
using reactor::Server;
using reactor::Stream;

namespace {

using Bytes = std::span<const std::byte>;

// When the user's code runs.
enum class Moment {
  make_session,
  make_decoder,
  on_data,
  on_frame,
  on_end,
  on_drained,
  on_close,
  finish,
  visitor,
  destructor_after_on_close,
  destructor_with_the_server,
  on_error,
};

const std::vector<std::pair<Moment, const char*>> moments = {
    {Moment::make_session, "make_session"},
    {Moment::make_decoder, "make_decoder"},
    {Moment::on_data, "on_data"},
    {Moment::on_frame, "on_frame"},
    {Moment::on_end, "on_end"},
    {Moment::on_drained, "on_drained"},
    {Moment::on_close, "on_close"},
    {Moment::finish, "finish"},
    {Moment::visitor, "visitor"},
    {Moment::destructor_after_on_close, "~Session after on_close"},
    {Moment::destructor_with_the_server, "~Session with the server"},
    {Moment::on_error, "on_error"},
};

constexpr bool is_destructor(Moment moment) {
  return moment == Moment::destructor_after_on_close ||
         moment == Moment::destructor_with_the_server;
}

// A server with its connections and their clients, as far as an action may touch them.
class World {
 public:
  explicit World(Loop& on) : loop(on) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;

  virtual void destroy() = 0;
  virtual void drain() = 0;
  virtual void for_each(const std::function<void(Stream&)>& visit) = 0;

  /// The streams by the number of their session, in the order in which the sessions were made.
  std::map<int, Stream*> peers;
  Loop& loop;
};

using Action = lifetime::Action<World>;

std::vector<Action> actions() {
  return lifetime::actions<World, Stream>(
      {{"close", [](Stream& stream) { stream.close(); }, true},
       {"abort", [](Stream& stream) { stream.abort(); }, true},
       {"fail", [](Stream& stream) { stream.fail(Error{}); }, true},
       {"accept", [](Stream& stream) { stream.accept(); }},
       {"write to", [](Stream& stream) { stream.write("x"); }},
       {"write much to", [](Stream& stream) { stream.write(Pattern::at(0)); }}},
      [](Stream& stream) { stream.write("x"); });
}

template <class D>
class ServerWorld final : public World {
 public:
  ServerWorld(Loop& on, Moment when, const Action& what)
      : World(on), moment_(when), action_(what), self_(makes() ? established : 1) {
    auto listening = listening_socket(Transport::tcp4);
    listening_fd_ = listening.fd();
    auto made = Server<Session, D>::adopt(loop, std::move(listening),
                                          {.max_per_network = 1000,
                                           .unaccepted_timeout = 1min,
                                           .high_water_bytes = 1,
                                           .idle_timeout = 1min},
                                          [this](Stream& stream) { return make_session(stream); });
    REQUIRE(made);
    server_ = std::move(*made);
    if constexpr (framed) {
      server_->set_decoder([this] {
        at(Moment::make_decoder, made_ - 1);
        return D();
      });
    }
    server_->on_error([this](const Error&) { at(Moment::on_error, self_); });
    for (int i = 0; i < established; ++i) connect();
    run_until(loop, [&] { return server_->connections() == std::size_t{established}; });
  }
  ~ServerWorld() override { server_.reset(); }

  void destroy() override {
    server_.reset();
    destroyed_ = true;
  }
  void drain() override {
    if (server_) server_->drain(1min);
  }
  void for_each(const std::function<void(Stream&)>& visit) override {
    if (server_) server_->for_each([&](Session& session) { visit(session.stream); });
  }

  // Causes the moment, while calls to all other sessions are due too.
  void trigger() {
    switch (moment_) {
      case Moment::make_session:
      case Moment::make_decoder:
        connect();
        connect();
        break;
      case Moment::on_data:
      case Moment::on_frame:
      case Moment::on_drained:
        for (Peer& client : clients_) client.send("x\ny\n");
        break;
      case Moment::on_end:
      case Moment::on_close:
        for (Peer& client : clients_) client.finish();
        break;
      case Moment::destructor_after_on_close:
        for (Peer& client : clients_) client.reset();
        break;
      case Moment::destructor_with_the_server:
        destroy();
        break;
      case Moment::finish:
        drain();
        break;
      case Moment::visitor:
        server_->for_each([&](Session& session) { at(Moment::visitor, session.number); });
        break;
      case Moment::on_error:
        REQUIRE(shutdown(listening_fd_, SHUT_RD) == 0);  // Accepting fails from now on.
        break;
    }
  }

  // The clients close the connections that the server ends.
  void follow() {
    for (Peer& client : clients_) {
      if (client.over()) client.close();
    }
  }

  [[nodiscard]] bool acted() const { return acted_; }
  [[nodiscard]] bool destroyed() const { return destroyed_; }
  [[nodiscard]] bool serves() const { return server_.has_value(); }
  [[nodiscard]] std::size_t alive() const { return peers.size(); }
  [[nodiscard]] int late_calls() const { return late_calls_; }
  [[nodiscard]] bool closes_are_reported_once() const {
    for (const auto& [number, times] : closes_reported_) {
      if (times != 1) return false;
    }
    return true;
  }
  [[nodiscard]] bool all_were_finished_once() const {
    for (const auto& [number, times] : finishes_) {
      if (times != 1) return false;
    }
    return finishes_.size() == std::size_t{established};
  }

  // Checks that a new client is served.
  void check_that_it_serves() {
    Peer& client = connect();
    client.send("z\n");
    run_until(loop, [&] { return client.received().find('z') != std::string::npos; });
  }

 private:
  static constexpr bool framed = !std::is_same_v<D, NoDecoder>;

  // The session may be destroyed when at() returns.
  struct Session {
    Session(ServerWorld& in, Stream& of, int with) : world(in), stream(of), number(with) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
      if (world.moment_ == Moment::destructor_after_on_close ||
          world.moment_ == Moment::destructor_with_the_server) {
        world.act_if(number);
      }
      world.peers.erase(number);
    }

    void on_data(Bytes bytes) {
      if (world.moment_ == Moment::on_drained && !world.acted_) {
        while (stream.write(Pattern::at(0)) != reactor::WriteStatus::above_high_water) {
        }
      } else {
        stream.write(bytes);
      }
      world.at(Moment::on_data, number);
    }
    void on_frame(std::string_view line) {
      stream.write(line);
      world.at(Moment::on_frame, number);
    }
    void on_end() {
      stream.close();
      world.at(Moment::on_end, number);
    }
    void on_drained() { world.at(Moment::on_drained, number); }
    void on_close(const Error&) {
      ++world.closes_reported_[number];
      world.at(Moment::on_close, number);
    }
    void finish() {
      ++world.finishes_[number];
      stream.close();
      world.at(Moment::finish, number);
    }

    ServerWorld& world;
    Stream& stream;
    const int number;
  };

  [[nodiscard]] bool makes() const {
    return moment_ == Moment::make_session || moment_ == Moment::make_decoder;
  }

  Session make_session(Stream& stream) {
    const int number = made_++;
    peers[number] = &stream;
    try {
      at(Moment::make_session, number);
    } catch (...) {
      peers.erase(number);
      throw;
    }
    return Session(*this, stream, number);
  }

  void at(Moment moment, int number) {
    late_calls_ += destroyed_;
    if (moment == moment_) act_if(number);
  }

  void act_if(int number) {
    if (number != self_ || std::exchange(acted_, true)) return;
    action_.act(*this, number);
  }

  Peer& connect() { return clients_.emplace_back(loop, connect_to(server_->address())); }

  const Moment moment_;
  const Action& action_;
  const int self_;
  int listening_fd_ = -1;
  int made_ = 0;
  bool acted_ = false;
  bool destroyed_ = false;
  int late_calls_ = 0;
  std::map<int, int> closes_reported_, finishes_;
  std::list<Peer> clients_;
  std::optional<Server<Session, D>> server_;
};

template <class D>
void check_pair(Loop& loop, Moment moment, const Action& action) {
  ServerWorld<D> world(loop, moment, action);
  int caught = 0;
  const auto attempt = [&](const auto& step) { caught += lifetime::throws(step); };
  const auto go_on_until = [&](const auto& condition) {
    run_until(loop, [&] {
      world.follow();
      return condition();
    });
  };

  attempt([&] { world.trigger(); });
  attempt([&] { go_on_until([&] { return world.acted(); }); });
  for (int i = 0; i < 5; ++i) attempt([&] { loop.poll(); });
  REQUIRE(world.acted());
  CHECK(caught == (action.effect == Action::throws));
  CHECK(world.late_calls() == 0);

  if (world.destroyed()) {
    CHECK(world.alive() == 0);
    return;
  }
  CHECK(world.closes_are_reported_once());
  const bool draining = action.effect == Action::drains || moment == Moment::finish;
  if (draining) {
    go_on_until([&] { return world.alive() == 0; });
    if (moment == Moment::finish) CHECK(world.all_were_finished_once());
  } else if (moment != Moment::on_error) {
    world.check_that_it_serves();
  }
  CHECK(world.closes_are_reported_once());
}

}  // namespace

TEST_SUITE("server_lifetime") {
  TEST_CASE_TEMPLATE("any callback of a server may end it, drain it, or end any connection",
                     LoopMode, Standalone, Embedded) {
    lifetime::for_each_pair<Moment, World>(
        moments, actions(), is_destructor, [](Moment moment, const Action& action) {
          LoopMode mode;
          const bool framed_only = moment == Moment::make_decoder || moment == Moment::on_frame;
          if (!framed_only) check_pair<NoDecoder>(mode.loop, moment, action);
          if (moment != Moment::on_data && moment != Moment::on_drained) {
            check_pair<protocols::LineDecoder>(mode.loop, moment, action);
          }
        });
  }
}
