// One session object for each peer that sends datagrams: server.hpp without connections.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/deadline.hpp"
#include "reactor/handle.hpp"
#include "reactor/result.hpp"
#include "reactor/session_hooks.hpp"
#include "reactor/timer.hpp"

namespace reactor {

struct UdpServerOptions {
  DatagramOptions socket = {};
  /// For one peer more, the one that has been silent for longest is forgotten: whoever can send
  /// from made-up addresses can fill any table, and must not lock others out. At least 1.
  std::size_t max_sessions = 10'000;
  /// For one peer more of one network, which is an IPv4 address or the first 64 bits of an IPv6
  /// address, the one of its peers is forgotten whose session is the oldest. By default only
  /// max_sessions limits them. At least 1.
  std::size_t max_per_network = SIZE_MAX;
  /// Forgets a peer from which nothing came for this long; zero: never.
  Duration idle_timeout = std::chrono::minutes(1);

  /// The most memory that a server with these options takes in user space, on one address. A
  /// further address of its name takes `socket.max_queued_bytes` more. `bytes_each` is what the
  /// program adds to each session.
  [[nodiscard]] std::uint64_t most_bytes(std::uint64_t bytes_each = 0) const;

  /// Refuses values that no server can work with; bind() calls it. `endpoint` is for the error's
  /// text.
  ///
  /// Errors    invalid_argument, with a hint that names the option: max_sessions or max_per_network
  ///           is 0, or idle_timeout is negative.
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
    return socket_->reply(last, bytes);
  }
  Sent send(std::string_view text) { return send(std::as_bytes(std::span(text))); }

  /// Ends the session, which is destroyed in the loop's next turn. What the peer sends from now on
  /// goes to a new one. Does nothing while the session is being made.
  void close() { on_close_(); }

 private:
  template <class Session>
  friend class UdpServer;

  UdpPeer(DatagramSocket& socket, const Address& address, Callback<void()> on_close)
      : socket_(&socket), address_(address), on_close_(std::move(on_close)) {}

  void heard(const Datagram& datagram, DatagramSocket& socket) {
    socket_ = &socket;
    if (datagram.arrival) arrival_ = *datagram.arrival;
  }

  DatagramSocket* socket_;  // The one that received the last datagram.
  const Address address_;
  std::optional<Arrival> arrival_;
  Callback<void()> on_close_;
};

/// Keeps a Session for each address that datagrams come from, until it has been silent for a time.
/// A Session must have on_datagram(const Datagram&), and no hooks of a Server's session, which
/// would never be called.
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

  /// Receives on all addresses of `HOST:PORT`, on `[::1]:PORT` or on `unix:PATH`. A Session is made
  /// from its UdpPeer, or by `make_session`, which can give it what all of them share.
  ///
  /// Errors    As UdpServerOptions::check and DatagramSocket::bind_all.
  [[nodiscard]] static Result<UdpServer> bind(Loop& loop, std::string_view endpoint,
                                              UdpServerOptions options = {}) {
    return bind(loop, endpoint, options, [](UdpPeer& peer) { return Session{peer}; });
  }

  [[nodiscard]] static Result<UdpServer> bind(Loop& loop, std::string_view endpoint,
                                              UdpServerOptions options, MakeSession make_session) {
    if (auto good = options.check(endpoint); !good) return Failure(good.error());
    auto sockets = DatagramSocket::bind_all(loop, endpoint, options.socket);
    if (!sockets) return Failure(sockets.error());
    return UdpServer(new State(loop, std::move(*sockets), options, std::move(make_session)));
  }

  [[nodiscard]] static Result<UdpServer> bind(Loop& loop, const Address& address,
                                              UdpServerOptions options, MakeSession make_session) {
    if (auto good = options.check(address.to_string()); !good) return Failure(good.error());
    auto socket = DatagramSocket::bind(loop, address, options.socket);
    if (!socket) return Failure(socket.error());
    std::vector<DatagramSocket> sockets;
    sockets.push_back(std::move(*socket));
    return UdpServer(new State(loop, std::move(sockets), options, std::move(make_session)));
  }

  /// Where it receives; of several addresses the first.
  [[nodiscard]] const Address& address() const { return state_->sockets.front().address(); }

  /// All addresses that it receives on.
  [[nodiscard]] std::vector<Address> addresses() const {
    std::vector<Address> all;
    for (const DatagramSocket& socket : state_->sockets) all.push_back(socket.address());
    return all;
  }

  /// Of all its sockets together.
  [[nodiscard]] DatagramCounters counters() const {
    DatagramCounters sum;
    for (const DatagramSocket& socket : state_->sockets) sum += socket.counters();
    return sum;
  }

  [[nodiscard]] std::size_t sessions() const { return state_->peers.size(); }

  /// As DatagramSocket::on_error.
  void on_error(Callback<void(const Error&)> on_error) {
    state_->set_on_error(std::move(on_error));
  }

  /// Calls `visit(session)` for every session, the one heard from last first, but for those that a
  /// visitor has closed. A visitor that destroys the server is not called again.
  template <class Visit>
  void for_each(Visit visit) {
    State& state = *state_;
    const Use use(state);
    Visiting visiting(state);
    while (Peer* const peer = visiting.next()) visit(peer->session);
  }

  /// Receives no more and ends every session. The loop's run() returns when what is queued has been
  /// sent or discarded, as DatagramSocket::drain does, if nothing else is to do.
  void drain(Duration timeout = std::chrono::seconds(5)) { state_->drain(timeout); }

  /// For its options and groups; of several sockets the first.
  [[nodiscard]] Socket& socket() { return state_->sockets.front().socket(); }

  /// Calls `visit(socket)` for the Socket of each address.
  template <class Visit>
  void for_each_socket(Visit visit) {
    for (DatagramSocket& socket : state_->sockets) visit(socket.socket());
  }

 private:
  struct State;

  struct Peer {
    Peer(State& server, DatagramSocket& socket, const Address& address)
        : udp_peer(socket, address, [this, &server] { server.close(*this); }),
          session(server.make_session(udp_peer)) {}

    UdpPeer udp_peer;
    Session session;
    Loop::Clock::time_point heard_at;
    typename std::list<Peer*>::iterator place_in_network = {};
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

  // Every function of a session, its destructor too, may drain the server or destroy it, and close
  // any peer. So a peer is out of its list while its session is made or destroyed, and after each
  // call `draining` is looked at, which is set in both cases.
  struct State final : HandleState {
    State(Loop& on, std::vector<DatagramSocket> from, UdpServerOptions with, MakeSession make)
        : loop(on), sockets(std::move(from)), options(with), make_session(std::move(make)) {
      if (options.idle_timeout.count() == 0) idle.cancel();
      for (DatagramSocket& socket : sockets) {
        socket.on_received(
            [this, &socket](std::span<const Datagram> batch) { receive(socket, batch); });
      }
    }

    // ---- Datagrams

    void receive(DatagramSocket& socket, std::span<const Datagram> batch) {
      const Use use(*this);
      std::size_t begun = 0;
      try {
        while (begun < batch.size() && !draining) deliver(socket, batch[begun++]);
      } catch (...) {
        if (!draining && begun < batch.size()) socket.deliver_later(batch.subspan(begun));
        throw;
      }
    }

    void deliver(DatagramSocket& socket, const Datagram& datagram) {
      if (Session* const session = heard_from(socket, datagram)) session->on_datagram(datagram);
    }

    // The sender's session; its peer is the first in the list from now on. Null once draining.
    Session* heard_from(DatagramSocket& socket, const Datagram& datagram) {
      const auto known = places.find(datagram.sender);
      if (known == places.end()) {
        if (!add(socket, datagram.sender)) return nullptr;
      } else {
        peers.splice(peers.begin(), peers, known->second);
      }
      Peer& peer = peers.front();
      peer.udp_peer.heard(datagram, socket);
      peer.heard_at = loop.now();
      return &peer.session;
    }

    // ---- Sessions

    bool add(DatagramSocket& socket, const Address& address) {
      Peers made;
      made.emplace_front(*this, socket, address);
      if (Peer* const own = oldest_of_full_network(address)) {
        forget(places.find(own->udp_peer.address())->second);
      } else if (peers.size() >= options.max_sessions) {
        forget_oldest();
      }
      if (draining) return false;
      places.emplace(address, made.begin());
      join_network(made.front());
      peers.splice(peers.begin(), made);
      if (peers.size() == 1 && options.idle_timeout.count() > 0) idle.restart(options.idle_timeout);
      return true;
    }

    void forget_oldest() { forget(std::prev(peers.end())); }

    void forget(Place place) {
      Peers forgotten;
      move_out(place, forgotten);
    }

    // ---- Networks, where they are limited

    [[nodiscard]] bool limits_network_of(const Address& address) const {
      return options.max_per_network < options.max_sessions &&
             address.family() != Family::unix_socket;
    }

    [[nodiscard]] Peer* oldest_of_full_network(const Address& address) {
      if (!limits_network_of(address)) return nullptr;
      const auto known = networks.find(address.network());
      const bool full = known != networks.end() && known->second.size() >= options.max_per_network;
      return full ? known->second.front() : nullptr;
    }

    void join_network(Peer& peer) {
      const Address& address = peer.udp_peer.address();
      if (!limits_network_of(address)) return;
      auto& network = networks[address.network()];
      peer.place_in_network = network.insert(network.end(), &peer);
    }

    void leave_network(const Peer& peer) {
      const Address& address = peer.udp_peer.address();
      if (!limits_network_of(address)) return;
      const auto known = networks.find(address.network());
      known->second.erase(peer.place_in_network);
      if (known->second.empty()) networks.erase(known);
    }

    void forget_idle() {
      const Use use(*this);
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
      leave_network(*place);
      to.splice(to.begin(), peers, place);
    }

    void end_closed() {
      const Use use(*this);
      end_one_by_one(closed);
    }

    // The list is whole whenever a session's destructor runs.
    static void end_one_by_one(Peers& peers) {
      while (!peers.empty()) {
        Peers ended;
        ended.splice(ended.begin(), peers, peers.begin());
      }
    }

    void drain(Duration timeout) {
      if (std::exchange(draining, true)) return;
      for (DatagramSocket& socket : sockets) socket.drain(timeout);
      while (!peers.empty()) close(peers.front());
    }

    // A walk finds nothing more, and what a destructor closes or drains has ended already.
    void on_retired() noexcept override {
      draining = true;
      while (!peers.empty()) move_out(peers.begin(), closed);
      end_one_by_one(closed);
    }

    void set_on_error(Callback<void(const Error&)> next) {
      replace(on_error, std::move(next));
      for (DatagramSocket& socket : sockets) {
        if (!on_error) {
          socket.on_error(nullptr);
        } else {
          socket.on_error([this](const Error& error) {
            const Use use(*this);
            on_error(error);
          });
        }
      }
    }

    Loop& loop;
    std::vector<DatagramSocket> sockets;  // One for each address; none is added or removed.
    const UdpServerOptions options;
    MakeSession make_session;
    Callback<void(const Error&)> on_error;
    Peers peers;  // The one heard from last first.
    Peers closed;
    std::unordered_map<Address, Place> places;
    std::unordered_map<Address, std::list<Peer*>> networks;  // The oldest session of each first.
    Visiting* visiting = nullptr;                            // The innermost.
    bool draining = false;
    Deadline idle{loop, options.idle_timeout, [this] { forget_idle(); }};
    Timer end_closed_soon{loop, [this] { end_closed(); }};
  };

  explicit UdpServer(Handle<State> state) : state_(std::move(state)) {
    static_assert(check_hooks_of_datagram_session<Session>());
  }

  Handle<State> state_;
};

}  // namespace reactor
