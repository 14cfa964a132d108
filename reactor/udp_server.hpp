// One session object for each peer that sends datagrams: like server.hpp, without connections.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/datagram.hpp"
#include "reactor/detail/udp_server_state.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/session_hooks.hpp"
#include "reactor/socket.hpp"
#include "reactor/udp_peer.hpp"
#include "reactor/udp_server_options.hpp"

namespace reactor::inline v0 {

/// Keeps a Session for each address from which datagrams arrive, until it has been silent for a
/// time. A Session must have on_datagram(const Datagram&), and no hooks of a Server's session,
/// which would never be called.
///
///     struct Echo {
///       reactor::UdpPeer& peer;
///       void on_datagram(const reactor::Datagram& datagram) { peer.send(datagram.bytes); }
///     };
///     auto server = reactor::UdpServer<Echo>::bind(loop, "127.0.0.1:9000");
///
/// The sender address of a datagram may be forged: reply with no more bytes than the request has,
/// and never reply to a reply. Unix sockets without a name share one session, and cannot get a
/// reply.
///
/// What a session throws leaves run(). The other datagrams of the batch are delivered when the loop
/// runs again, before any that arrive later.
///
/// Lifetime  Destroying the UdpServer ends everything immediately; drain() sends what is queued.
///           The end of a session is reported only by its destructor. Both calls, and any call on
///           any session's UdpPeer, are legal in make_session, on_error, visitors, every function
///           of a Session and its destructor.
/// Thread    The loop's thread only.
/// Cost      A look-up in a hash table for each datagram; memory for max_sessions peers at most.
template <class Session>
class UdpServer {
 public:
  using MakeSession = Callback<Session(UdpPeer&)>;

  /// Receives on all addresses of `HOST:PORT`, on `[::1]:PORT` or on `unix:PATH`. A Session is made
  /// from its UdpPeer, or by `make_session`, which can pass it what all sessions share.
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

  /// Receives on a socket that is bound already, as DatagramSocket::adopt does.
  [[nodiscard]] static Result<UdpServer> adopt(Loop& loop, Socket socket, UdpServerOptions options,
                                               MakeSession make_session) {
    if (auto good = options.check("adopted socket"); !good) return Failure(good.error());
    auto adopted = DatagramSocket::adopt(loop, std::move(socket), options.socket);
    if (!adopted) return Failure(adopted.error());
    std::vector<DatagramSocket> sockets;
    sockets.push_back(std::move(*adopted));
    return UdpServer(new State(loop, std::move(sockets), options, std::move(make_session)));
  }

  /// The address on which it receives; of several addresses the first.
  [[nodiscard]] const Address& address() const { return state_->sockets.front().address(); }

  /// All addresses that it receives on.
  [[nodiscard]] std::vector<Address> addresses() const {
    std::vector<Address> all;
    for (const DatagramSocket& socket : state_->sockets) all.push_back(socket.address());
    return all;
  }

  /// The sum for all its sockets.
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

  /// Calls `visit(session)` for every session that no visitor has closed, the one that received
  /// last first. A visitor that destroys the server is not called again.
  template <class Visit>
  void for_each(Visit visit) {
    state_->for_each(visit);
  }

  /// Receives no more and ends every session. The loop's run() returns when what is queued has been
  /// sent or discarded, as DatagramSocket::drain does, if there is nothing else to do.
  void drain(Duration timeout = std::chrono::seconds(5)) { state_->drain(timeout); }

  /// For its options and groups; of several sockets the first.
  [[nodiscard]] Socket& socket() { return state_->sockets.front().socket(); }

  /// Calls `visit(socket)` for the Socket of each address.
  template <class Visit>
  void for_each_socket(Visit visit) {
    for (DatagramSocket& socket : state_->sockets) visit(socket.socket());
  }

 private:
  using State = detail::UdpServerState<Session>;

  explicit UdpServer(Handle<State> state) : state_(std::move(state)) {
    static_assert(check_hooks_of_datagram_session<Session>());
  }

  Handle<State> state_;
};

}  // namespace reactor
