// One session object for each peer that sends datagrams: server.hpp without connections.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "reactor/datagram.hpp"
#include "reactor/deadline.hpp"
#include "reactor/resolver.hpp"
#include "reactor/retiring.hpp"

namespace reactor {

struct UdpServerOptions {
  DatagramOptions socket = {};
  /// For one peer more, the one that has been silent for longest is forgotten: whoever can send
  /// from made-up addresses can fill any table, and must not lock others out.
  std::size_t max_sessions = 10'000;
  /// Forgets a peer from which nothing came for this long; zero: never.
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(1);
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
/// A Session must have on_datagram(const Datagram&).
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
/// Lifetime  Destroying the UdpServer, in whichever callback, ends everything at once;
///           drain() lets go what is queued. A Session's destructor is told of its end, and may
///           not destroy the server.
/// Thread    The loop's thread only.
/// Cost      A look-up in a hash table for each datagram; memory for max_sessions peers at most.
template <class Session>
class UdpServer {
 public:
  using MakeSession = Callback<Session(UdpPeer&)>;

  /// Receives on `HOST:PORT`, `[::1]:PORT` or `unix:PATH`. A Session is made from its UdpPeer, or
  /// by `make_session`, which can give it what all of them share.
  ///
  /// Errors    As resolve_now and DatagramSocket::bind.
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

  /// Calls `visit(session)` for every session, the one heard from last first.
  template <class Visit>
  void for_each(Visit visit) {
    for (Peer& peer : state_->peers) visit(peer.session);
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

  struct State : Retiring {
    State(Loop& on, DatagramSocket from, UdpServerOptions with, MakeSession make)
        : loop(on), socket(std::move(from)), options(with), make_session(std::move(make)) {
      if (options.idle_timeout.count() == 0) idle.cancel();
      socket.on_received([this](std::span<const Datagram> batch) { receive(batch); });
    }
    ~State() { end_sessions(); }

    using Place = typename std::list<Peer>::iterator;

    void receive(std::span<const Datagram> batch) {
      const Use<State> use(*this);
      for (const Datagram& datagram : batch) {
        Session* const session = heard_from(datagram);
        if (draining) return;
        session->on_datagram(datagram);
        if (draining) return;
      }
    }

    // The sender's session; its peer is the first in the list from now on. Null once draining.
    Session* heard_from(const Datagram& datagram) {
      const auto known = places.find(datagram.sender);
      if (known == places.end()) {
        add(datagram.sender);
        if (draining) return nullptr;
      } else {
        peers.splice(peers.begin(), peers, known->second);
      }
      Peer& peer = peers.front();
      peer.udp_peer.heard(datagram);
      peer.heard_at = loop.now();
      return &peer.session;
    }

    void add(const Address& address) {
      if (peers.size() >= options.max_sessions && !peers.empty()) forget_oldest();
      peers.emplace_front(*this, address);
      // Making a session is the user's code: it may drain the server, or destroy it.
      if (draining) return peers.pop_front();
      places.emplace(address, peers.begin());
      if (peers.size() == 1 && options.idle_timeout.count() > 0) idle.restart(options.idle_timeout);
    }

    void forget_oldest() {
      places.erase(peers.back().udp_peer.address());
      peers.pop_back();
    }

    void forget_idle() {
      while (!peers.empty()) {
        const auto left = peers.back().heard_at + options.idle_timeout - loop.now();
        if (left.count() > 0) return idle.restart(left);
        forget_oldest();
      }
    }

    // Its session may be the one that is running, so it lives on until the next turn.
    void close(const Peer& peer) {
      const auto known = places.find(peer.udp_peer.address());
      if (known == places.end() || &*known->second != &peer) return;
      closed.splice(closed.begin(), peers, known->second);
      places.erase(known);
      end_closed.restart(Deadline::Duration(0));
    }

    void drain() {
      draining = true;
      socket.pause();
      while (!peers.empty()) close(peers.front());
    }

    void end() {
      draining = true;
      end_sessions();
    }

    void end_sessions() {
      places.clear();  // A session that closes its peer on its way out finds nothing to do.
      peers.clear();
      closed.clear();
    }

    Loop& loop;
    DatagramSocket socket;
    const UdpServerOptions options;
    MakeSession make_session;
    std::list<Peer> peers;  // The one heard from last first.
    std::list<Peer> closed;
    std::unordered_map<Address, Place> places;
    Deadline idle{loop, options.idle_timeout, [this] { forget_idle(); }};
    Deadline end_closed{loop, Deadline::Duration(0), [this] { closed.clear(); }};
    bool draining = false;
  };

  explicit UdpServer(State* state) : state_(state) {}

  std::unique_ptr<State, Retire<State>> state_;
};

}  // namespace reactor
