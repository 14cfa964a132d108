// The state of a UdpServer: its sockets and sessions. Internal.
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/datagram.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/timer.hpp"
#include "reactor/udp_peer.hpp"
#include "reactor/udp_server_options.hpp"

namespace reactor::inline v0::detail {

// Every function of a session, its destructor too, may drain or destroy the server, and close any
// peer. So a peer is out of its list while its session is made or destroyed. Each call is followed
// by a check of `draining`, which is set in both cases.
template <class Session>
struct UdpServerState final : HandleState {
  using MakeSession = Callback<Session(UdpPeer&)>;

  struct Peer {
    Peer(UdpServerState& server, DatagramSocket& socket, const Address& address)
        : udp_peer(socket, address, [this, &server] { server.close(*this); }),
          session(server.make_session(udp_peer)) {}

    UdpPeer udp_peer;
    Session session;
    Loop::Clock::time_point received_at;
    typename std::list<Peer*>::iterator place_in_network = {};
  };

  using Peers = std::list<Peer>;
  using Place = typename Peers::iterator;

  // An iteration over all peers during which any of them may be removed.
  class Visiting {
   public:
    explicit Visiting(UdpServerState& state)
        : state_(state), next_(state.peers.begin()), outer_(std::exchange(state.visiting, this)) {}
    ~Visiting() { state_.visiting = outer_; }
    Visiting(const Visiting&) = delete;
    Visiting& operator=(const Visiting&) = delete;

    // Null after the last.
    Peer* next() { return next_ == state_.peers.end() ? nullptr : &*next_++; }

    void removes(Place place) {
      if (next_ == place) ++next_;
      if (outer_) outer_->removes(place);
    }

   private:
    UdpServerState& state_;
    Place next_;
    Visiting* const outer_;
  };

  UdpServerState(Loop& on, std::vector<DatagramSocket> from, UdpServerOptions with,
                 MakeSession make)
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
    if (Session* const session = session_of(socket, datagram)) session->on_datagram(datagram);
  }

  // Returns the sender's session and moves its peer to the front of the list. Null once draining.
  Session* session_of(DatagramSocket& socket, const Datagram& datagram) {
    const auto known = places.find(datagram.sender);
    if (known == places.end()) {
      if (!add(socket, datagram.sender)) return nullptr;
    } else {
      peers.splice(peers.begin(), peers, known->second);
    }
    Peer& peer = peers.front();
    peer.udp_peer.note_received(datagram, socket);
    peer.received_at = loop.now();
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
      const auto silent_for = loop.now() - peers.back().received_at;
      if (silent_for < options.idle_timeout) {
        return idle.restart(options.idle_timeout - silent_for);
      }
      forget_oldest();
    }
  }

  // Its session may be the one that is running, so it is destroyed in the next iteration.
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

  // The list is consistent whenever a session's destructor runs.
  static void end_one_by_one(Peers& peers) {
    while (!peers.empty()) {
      Peers ended;
      ended.splice(ended.begin(), peers, peers.begin());
    }
  }

  template <class Visit>
  void for_each(Visit& visit) {
    const Use use(*this);
    Visiting all(*this);
    while (Peer* const peer = all.next()) visit(peer->session);
  }

  void drain(Duration timeout) {
    if (std::exchange(draining, true)) return;
    for (DatagramSocket& socket : sockets) socket.drain(timeout);
    while (!peers.empty()) close(peers.front());
  }

  // From here on a visit finds no more peers, and no close() or drain() in a destructor has an
  // effect.
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
  Peers peers;  // The one that sent last is first.
  Peers closed;
  std::unordered_map<Address, Place> places;
  std::unordered_map<Address, std::list<Peer*>> networks;  // The oldest session of each first.
  Visiting* visiting = nullptr;                            // The innermost.
  bool draining = false;
  IdleTimeout idle{loop, options.idle_timeout, [this] { forget_idle(); }};
  Timer end_closed_soon{loop, [this] { end_closed(); }};
};

}  // namespace reactor::detail
