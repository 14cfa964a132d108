// One session object for each peer that sends datagrams: server.hpp without connections.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <deque>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/deadline.hpp"
#include "reactor/resolver.hpp"
#include "reactor/result.hpp"
#include "reactor/retiring.hpp"
#include "reactor/session_hooks.hpp"
#include "reactor/timer.hpp"

namespace reactor {

struct UdpServerOptions {
  DatagramOptions socket = {};
  /// For one peer more, the one that has been silent for longest is forgotten: whoever can send
  /// from made-up addresses can fill any table, and must not lock others out. At least 1.
  std::size_t max_sessions = 10'000;
  /// Forgets a peer from which nothing came for this long; zero: never.
  Duration idle_timeout = std::chrono::minutes(1);

  /// Refuses values that no server can work with; bind() calls it. `endpoint` is for the error's
  /// text.
  ///
  /// Errors    invalid_argument, with a hint that names the option: max_sessions is 0, or
  ///           idle_timeout is negative.
  [[nodiscard]] Result<void> check(std::string_view endpoint) const;
};

/// Who is at the other end of a session.
class UdpPeer {
 public:
  UdpPeer(const UdpPeer&) = delete;
  UdpPeer& operator=(const UdpPeer&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }

  /// From the address that the peer's last datagram was sent to, where that is known. Bytes of the
  /// datagram that is being delivered are not copied.
  Sent send(std::span<const std::byte> bytes) {
    const Datagram last{
        .bytes = {}, .sender = address_, .arrival = arrival_ ? &*arrival_ : nullptr};
    return socket_.reply(last, bytes);
  }
  Sent send(std::string_view text) { return send(std::as_bytes(std::span(text))); }

  /// Ends the session, which is destroyed in the loop's next turn. What the peer sends from now on
  /// goes to a new one. Does nothing while the session is being made.
  void close() { on_close_(); }

 private:
  template <class Session>
  friend class UdpServer;

  UdpPeer(DatagramSocket& socket, const Address& address, Callback<void()> on_close)
      : socket_(socket), address_(address), on_close_(std::move(on_close)) {}

  void heard(const Datagram& datagram) {
    if (datagram.arrival) arrival_ = *datagram.arrival;
  }

  DatagramSocket& socket_;
  const Address address_;
  std::optional<Arrival> arrival_;
  Callback<void()> on_close_;
};

/// Keeps a Session for each address that datagrams come from, until it has been silent for a time.
/// A Session must have on_datagram(const Datagram&), and no hooks of a Server's session, which would
/// never be called.
///
///     struct Echo {
///       reactor::UdpPeer& peer;
///       void on_datagram(const reactor::Datagram& datagram) { peer.send(datagram.bytes); }
///     };
///     auto server = reactor::UdpServer<Echo>::bind(loop, "127.0.0.1:9000");
///
/// The sender of a datagram may be made up: answer with no more bytes than were asked with, and
/// never an answer. Unix sockets without a name share one session, and cannot be answered.
///
/// What a session throws leaves run(); the other datagrams of the batch are delivered when the loop
/// runs again, before any that came later.
///
/// Lifetime  Destroying the UdpServer ends everything at once; drain() sends what is queued. A
///           Session's destructor is how it learns of its end. Both calls, and any call on any
///           session's UdpPeer, are legal in make_session, on_error, visitors, every function of a
///           Session and its destructor.
/// Thread    The loop's thread only.
/// Cost      A look-up in a hash table for each datagram; memory for max_sessions peers at most.
template <class Session>
class UdpServer {
 public:
  using MakeSession = Callback<Session(UdpPeer&)>;

  /// Receives on `HOST:PORT`, `[::1]:PORT` or `unix:PATH`. A Session is made from its UdpPeer, or
  /// by `make_session`, which can give it what all of them share.
  ///
  /// Errors    As resolve_now, UdpServerOptions::check and DatagramSocket::bind.
  [[nodiscard]] static Result<UdpServer> bind(Loop& loop, std::string_view endpoint,
                                              UdpServerOptions options = {}) {
    return bind(loop, endpoint, options, [](UdpPeer& peer) { return Session{peer}; });
  }

  [[nodiscard]] static Result<UdpServer> bind(Loop& loop, std::string_view endpoint,
                                              UdpServerOptions options, MakeSession make_session) {
    const auto addresses = resolve_now(endpoint);
    if (!addresses) return Failure(addresses.error());
    return bind(loop, addresses->front(), options, std::move(make_session));
  }

  [[nodiscard]] static Result<UdpServer> bind(Loop& loop, const Address& address,
                                              UdpServerOptions options, MakeSession make_session) {
    if (auto good = options.check(address.to_string()); !good) return Failure(good.error());
    auto socket = DatagramSocket::bind(loop, address, options.socket);
    if (!socket) return Failure(socket.error());
    return UdpServer(new State(loop, std::move(*socket), options, std::move(make_session)));
  }

  [[nodiscard]] const Address& address() const { return state_->socket.address(); }
  [[nodiscard]] const DatagramCounters& counters() const { return state_->socket.counters(); }
  [[nodiscard]] std::size_t sessions() const { return state_->peers.size(); }

  /// As DatagramSocket::on_error.
  void on_error(Callback<void(const Error&)> on_error) {
    state_->socket.on_error(std::move(on_error));
  }

  /// Calls `visit(session)` for every session, the one heard from last first, but for those that a
  /// visitor has closed. A visitor that destroys the server is not called again.
  template <class Visit>
  void for_each(Visit visit) {
    State& state = *state_;
    const Use<State> use(state);
    Visiting visiting(state);
    while (Peer* const peer = visiting.next()) visit(peer->session);
  }

  /// Receives no more and ends every session. The loop's run() returns when what is queued has
  /// been sent, if nothing else is to do.
  void drain() { state_->drain(); }

  /// For its options and groups.
  [[nodiscard]] Socket& socket() { return state_->socket.socket(); }

 private:
  struct State;

  struct Peer {
    Peer(State& server, const Address& address)
        : udp_peer(server.socket, address, [this, &server] { server.close(*this); }),
          session(server.make_session(udp_peer)) {}

    UdpPeer udp_peer;
    Session session;
    Loop::Clock::time_point heard_at;
  };

  using Peers = std::list<Peer>;
  using Place = typename Peers::iterator;

  // A walk over all peers during which any of them may be removed.
  class Visiting {
   public:
    explicit Visiting(State& state)
        : state_(state), next_(state.peers.begin()), outer_(std::exchange(state.visiting, this)) {}
    ~Visiting() { state_.visiting = outer_; }
    Visiting(const Visiting&) = delete;
    Visiting& operator=(const Visiting&) = delete;

    // Null behind the last.
    Peer* next() { return next_ == state_.peers.end() ? nullptr : &*next_++; }

    void removes(Place place) {
      if (next_ == place) ++next_;
      if (outer_) outer_->removes(place);
    }

   private:
    State& state_;
    Place next_;
    Visiting* const outer_;
  };

  // A datagram that outlives the batch that it came in.
  struct Kept {
    explicit Kept(const Datagram& datagram)
        : bytes(datagram.bytes.begin(), datagram.bytes.end()),
          sender(datagram.sender),
          truncated(datagram.truncated) {
      if (datagram.arrival) arrival = *datagram.arrival;
    }
    [[nodiscard]] Datagram datagram() const {
      return {bytes, sender, arrival ? &*arrival : nullptr, truncated};
    }

    std::vector<std::byte> bytes;
    Address sender;
    std::optional<Arrival> arrival;
    bool truncated;
  };

  // Every function of a session, its destructor too, may drain the server or destroy it, and close
  // any peer. So a peer is out of its list while its session is made or destroyed, and after each
  // call `draining` is looked at, which is set in both cases.
  struct State : Retiring {
    State(Loop& on, DatagramSocket from, UdpServerOptions with, MakeSession make)
        : loop(on), socket(std::move(from)), options(with), make_session(std::move(make)) {
      if (options.idle_timeout.count() == 0) idle.cancel();
      socket.on_received([this](std::span<const Datagram> batch) { receive(batch); });
    }
    ~State() { end(); }

    // ---- Datagrams

    void receive(std::span<const Datagram> batch) {
      const Use<State> use(*this);
      std::size_t begun = 0;
      try {
        while (begun < batch.size() && !draining) deliver(batch[begun++]);
      } catch (...) {
        if (!draining) keep(batch.subspan(begun));
        throw;
      }
    }

    // Nothing that comes later may overtake them.
    void keep(std::span<const Datagram> rest) {
      if (rest.empty()) return;
      for (const Datagram& datagram : rest) kept.emplace_back(datagram);
      socket.pause();
      deliver_kept_soon.restart(Duration());
    }

    void deliver_kept() {
      const Use<State> use(*this);
      deliver_kept_soon.restart(Duration());  // The next one may throw too.
      while (!kept.empty()) {
        const Kept next = std::move(kept.front());
        kept.pop_front();
        deliver(next.datagram());
      }
      deliver_kept_soon.cancel();
      if (!draining) socket.resume();
    }

    void deliver(const Datagram& datagram) {
      if (Session* const session = heard_from(datagram)) session->on_datagram(datagram);
    }

    // The sender's session; its peer is the first in the list from now on. Null once draining.
    Session* heard_from(const Datagram& datagram) {
      const auto known = places.find(datagram.sender);
      if (known == places.end()) {
        if (!add(datagram.sender)) return nullptr;
      } else {
        peers.splice(peers.begin(), peers, known->second);
      }
      Peer& peer = peers.front();
      peer.udp_peer.heard(datagram);
      peer.heard_at = loop.now();
      return &peer.session;
    }

    // ---- Sessions

    bool add(const Address& address) {
      Peers made;
      made.emplace_front(*this, address);
      if (peers.size() >= options.max_sessions) forget_oldest();
      if (draining) return false;
      places.emplace(address, made.begin());
      peers.splice(peers.begin(), made);
      if (peers.size() == 1 && options.idle_timeout.count() > 0) idle.restart(options.idle_timeout);
      return true;
    }

    void forget_oldest() {
      Peers forgotten;
      move_out(std::prev(peers.end()), forgotten);
    }

    void forget_idle() {
      const Use<State> use(*this);
      while (!peers.empty()) {
        const auto silent_for = loop.now() - peers.back().heard_at;
        if (silent_for < options.idle_timeout) {
          return idle.restart(options.idle_timeout - silent_for);
        }
        forget_oldest();
      }
    }

    // Its session may be the one that is running, so it lives on until the next turn.
    void close(const Peer& peer) {
      const auto known = places.find(peer.udp_peer.address());
      if (known == places.end() || &*known->second != &peer) return;
      move_out(known->second, closed);
      end_closed_soon.restart(Duration());
    }

    void move_out(Place place, Peers& to) {
      if (visiting) visiting->removes(place);
      places.erase(place->udp_peer.address());
      to.splice(to.begin(), peers, place);
    }

    void end_closed() {
      const Use<State> use(*this);
      end_one_by_one(closed);
    }

    // The list is whole whenever a session's destructor runs.
    static void end_one_by_one(Peers& peers) {
      while (!peers.empty()) {
        Peers ended;
        ended.splice(ended.begin(), peers, peers.begin());
      }
    }

    void drain() {
      if (std::exchange(draining, true)) return;
      socket.pause();
      kept.clear();
      while (!peers.empty()) close(peers.front());
    }

    // A walk finds nothing more, and what a destructor closes or drains has ended already.
    void end() {
      draining = true;
      kept.clear();
      while (!peers.empty()) move_out(peers.begin(), closed);
      end_one_by_one(closed);
    }

    Loop& loop;
    DatagramSocket socket;
    const UdpServerOptions options;
    MakeSession make_session;
    Peers peers;  // The one heard from last first.
    Peers closed;
    std::unordered_map<Address, Place> places;
    Visiting* visiting = nullptr;  // The innermost.
    std::deque<Kept> kept;         // Of a batch, behind the one whose session threw.
    bool draining = false;
    Deadline idle{loop, options.idle_timeout, [this] { forget_idle(); }};
    Timer end_closed_soon{loop, [this] { end_closed(); }};
    Timer deliver_kept_soon{loop, [this] { deliver_kept(); }};
  };

  explicit UdpServer(State* state) : state_(state) {
    static_assert(check_hooks_of_datagram_session<Session>());
  }

  std::unique_ptr<State, Retire<State>> state_;
};

}  // namespace reactor
