// One session object for each connection, like Python's socketserver, but without threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/admission.hpp"
#include "reactor/callback.hpp"
#include "reactor/detail/server_state.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/listener.hpp"
#include "reactor/result.hpp"
#include "reactor/server_options.hpp"
#include "reactor/session_hooks.hpp"
#include "reactor/socket.hpp"
#include "reactor/stream.hpp"

namespace reactor::inline v0 {

/// Accepts connections, and keeps a Session for each until it is closed. With a decoder, sessions
/// receive whole messages: Server<Session, protocols::LineDecoder>. SessionOf lists the functions
/// that a Session may have; one that is misspelt or has other parameters does not compile.
///
///     struct Echo {
///       reactor::Stream& stream;
///       void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
///     };
///     auto server = reactor::Server<Echo>::listen(loop, "127.0.0.1:9000");
///
/// Lifetime  Destroying the Server closes everything immediately; drain() does so in order. A
///           Session is destroyed after its on_close, and lives as long as its Stream. Both calls,
///           and any call on any connection's Stream, are legal in make_session, make_decoder,
///           on_error, visitors, every function of a Session and its destructor. The Server owns
///           the Stream: a Session must not move it away.
/// Thread    The loop's thread only.
template <class Session, class D = NoDecoder>
class Server {
 public:
  using MakeSession = Callback<Session(Stream&)>;

  /// Listens on all addresses of `HOST:PORT`, on `[::1]:PORT` or on `unix:PATH`. A Session is made
  /// from its Stream, or by `make_session`, which can pass it what all sessions share.
  ///
  /// Errors    As resolve_now, ServerOptions::check and Listener::listen.
  [[nodiscard]] static Result<Server> listen(Loop& loop, std::string_view endpoint,
                                             ServerOptions options = {}) {
    return listen(loop, endpoint, options, [](Stream& stream) { return Session{stream}; });
  }

  [[nodiscard]] static Result<Server> listen(Loop& loop, std::string_view endpoint,
                                             ServerOptions options, MakeSession make_session) {
    if (auto good = options.check(endpoint); !good) return Failure(good.error());
    Server server(loop, options, std::move(make_session));
    return server.start(Listener::listen(loop, endpoint, options.listen, server.on_accept()));
  }

  [[nodiscard]] static Result<Server> listen(Loop& loop, const Address& address,
                                             ServerOptions options, MakeSession make_session) {
    if (auto good = options.check(address.to_string()); !good) return Failure(good.error());
    Server server(loop, options, std::move(make_session));
    return server.start(Listener::listen(loop, address, options.listen, server.on_accept()));
  }

  /// Accepts from a socket that already listens, as Listener::adopt does.
  [[nodiscard]] static Result<Server> adopt(Loop& loop, Socket socket, ServerOptions options,
                                            MakeSession make_session) {
    if (auto good = options.check("adopted socket"); !good) return Failure(good.error());
    Server server(loop, options, std::move(make_session));
    return server.start(Listener::adopt(loop, std::move(socket), server.on_accept()));
  }

  /// Does not listen: for connections that are passed to serve().
  [[nodiscard]] static Result<Server> passive(Loop& loop, ServerOptions options,
                                              MakeSession make_session) {
    if (auto good = options.check("passive server"); !good) return Failure(good.error());
    return Server(loop, options, std::move(make_session));
  }

  /// Serves a connection that was accepted elsewhere: on another loop (LoopPool::hand_off), or in
  /// another process (Stream::take_descriptor). One beyond max_connections is reset.
  void serve(Socket socket, const Address& peer) {
    state_->is_full() ? Admission::reset(std::move(socket))
                      : state_->accept(std::move(socket), peer);
  }

  /// The address on which it listens, or listened before drain(). Of several addresses the first.
  [[nodiscard]] const Address& address() const { return state_->address; }

  /// Makes the decoder of each new connection, if the settings of D() are not right: by a function
  /// without parameters, or from the Stream, whose peer may determine what it sends.
  template <class Make>
  void set_decoder(Make make_decoder) {
    state_->set_decoder(std::move(make_decoder));
  }

  [[nodiscard]] std::size_t connections() const { return state_->connections.size(); }

  /// The connections that this server has turned away to make room for others.
  [[nodiscard]] const TurnedAway& turned_away() const { return state_->admission.turned_away(); }

  /// Connections that have not been accepted; 0 if no connection has to be accepted.
  [[nodiscard]] std::size_t unaccepted() const { return state_->admission.unaccepted(); }

  /// Called when a connection could not be accepted, and when one was turned away, each at most
  /// once a second.
  void on_error(Callback<void(const Error&)> on_error) {
    state_->set_on_error(std::move(on_error));
  }

  /// Calls `visit(session)` for every session, also for one whose Stream the visitor has closed: it
  /// ends later, in the loop. A visitor that destroys the server is not called again.
  template <class Visit>
  void for_each(Visit visit) {
    state_->for_each(visit);
  }

  /// Ends in order: stops listening, calls finish() of every session or closes its stream, and cuts
  /// off what is left after `timeout`. A connection that the kernel had already accepted gets its
  /// session, receives what had arrived, and then finish() is called for it too. The loop's run()
  /// returns when all have ended, if there is nothing else to do.
  ///
  /// Errors    An exception of a finish() leaves drain(), after all of them were called; of several
  ///           exceptions the first.
  void drain(Duration timeout = std::chrono::seconds(5)) { state_->drain(timeout); }

  /// Stops listening in favour of a successor that has the sockets (HandOver). Open connections are
  /// served as before, until they end by themselves; those that are left after `timeout` are cut
  /// off. The loop's run() returns when all have ended, if there is nothing else to do.
  void hand_over(Duration timeout) { state_->hand_over(timeout); }

  /// The connections that drain() or hand_over() has cut off, because they had not ended in time.
  [[nodiscard]] std::size_t cut_off() const { return state_->connections_cut_off; }

  /// Its listening sockets, for HandOver; none after drain() or hand_over().
  [[nodiscard]] std::vector<int> descriptors() const {
    return state_->listener ? state_->listener->descriptors() : std::vector<int>();
  }

 private:
  using State = detail::ServerState<Session, D>;

  Server(Loop& loop, ServerOptions options, MakeSession make_session)
      : state_(new State(loop, options, std::move(make_session))) {
    static_assert(check_hooks_of_session<Session, D>());
  }

  [[nodiscard]] Listener::OnAccept on_accept() {
    return [state = state_.get()](Socket socket, const Address& peer) {
      state->accept(std::move(socket), peer);
    };
  }

  [[nodiscard]] Result<Server> start(Result<Listener> listener) {
    if (!listener) return Failure(listener.error());
    state_->address = listener->address();
    state_->listener = std::move(*listener);
    return std::move(*this);
  }

  Handle<State> state_;
};

}  // namespace reactor
