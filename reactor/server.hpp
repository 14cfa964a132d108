// One session object for each connection: what Python's socketserver is, without its threads.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "reactor/deadline.hpp"
#include "reactor/framed.hpp"
#include "reactor/listener.hpp"
#include "reactor/resolver.hpp"
#include "reactor/retiring.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"

namespace reactor {

struct ServerOptions {
  ListenOptions listen = {};
  StreamLimits limits = {};
  /// Connections beyond this many wait in the kernel's backlog.
  std::size_t max_connections = 100'000;
  /// Closes a connection from which nothing (with a decoder: no frame) came for this long; zero:
  /// never.
  std::chrono::milliseconds idle_timeout{0};
  /// How long a connection may take to close in order.
  std::chrono::milliseconds close_timeout = std::chrono::seconds(5);
};

/// In place of a decoder: the session is given the bytes as they come.
struct NoDecoder {};

/// What a Session must have: on_data(bytes), or with a decoder on_frame(frame). It may also have
/// on_end(), on_drained() and on_close(const Error&), with the meaning they have on Stream, and
/// finish(), by which drain() asks it to end soon.
template <class Session, class D>
concept SessionOf =
    (std::same_as<D, NoDecoder> && requires(Session session, std::span<const std::byte> bytes) {
      session.on_data(bytes);
    }) || requires(Session session, const typename D::Frame& frame) { session.on_frame(frame); };

/// The part of a connection that only some servers have.
template <class D>
struct AttachedDecoder {
  std::optional<Framed<D>> decoder;
};
template <>
struct AttachedDecoder<NoDecoder> {};

/// Accepts connections, and keeps a Session for each until it is closed. With a decoder, sessions
/// are given whole messages: Server<Session, protocols::LineDecoder>.
///
///     struct Echo {
///       reactor::Stream& stream;
///       void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
///     };
///     auto server = reactor::Server<Echo>::listen(loop, "127.0.0.1:9000");
///
/// Lifetime  Destroying the Server closes everything at once, in whichever callback; drain() does
///           so in order. A Session is destroyed after its on_close, and lives as long as its
///           Stream.
/// Thread    The loop's thread only.
template <class Session, class D = NoDecoder>
  requires SessionOf<Session, D>
class Server {
 public:
  using MakeSession = Callback<Session(Stream&)>;
  using MakeDecoder = Callback<D()>;

  /// Listens on `HOST:PORT`, `[::1]:PORT` or `unix:PATH`. A Session is made from its Stream, or by
  /// `make_session`, which can give it what all of them share.
  ///
  /// Errors    As resolve_now and Listener::listen.
  [[nodiscard]] static Result<Server> listen(Loop& loop, std::string_view endpoint,
                                             ServerOptions options = {}) {
    return listen(loop, endpoint, options, [](Stream& stream) { return Session{stream}; });
  }

  [[nodiscard]] static Result<Server> listen(Loop& loop, std::string_view endpoint,
                                             ServerOptions options, MakeSession make_session) {
    const auto addresses = resolve_now(endpoint);
    if (!addresses) return Failure(addresses.error());
    return listen(loop, addresses->front(), options, std::move(make_session));
  }

  [[nodiscard]] static Result<Server> listen(Loop& loop, const Address& address,
                                             ServerOptions options, MakeSession make_session) {
    Server server(loop, options, std::move(make_session));
    auto listener = Listener::listen(loop, address, options.listen, server.on_accept());
    if (!listener) return Failure(listener.error());
    server.state_->listener = std::move(*listener);
    return server;
  }

  /// Accepts from a socket that listens already, as Listener::adopt does.
  [[nodiscard]] static Result<Server> adopt(Loop& loop, Socket socket, ServerOptions options,
                                            MakeSession make_session) {
    Server server(loop, options, std::move(make_session));
    auto listener = Listener::adopt(loop, std::move(socket), server.on_accept());
    if (!listener) return Failure(listener.error());
    server.state_->listener = std::move(*listener);
    return server;
  }

  /// Where it listens, until drain().
  [[nodiscard]] const Address& address() const { return state_->listener->address(); }

  /// Makes the decoder of each connection from now on, where the settings of D() will not do.
  void set_decoder(MakeDecoder make_decoder) { state_->make_decoder = std::move(make_decoder); }

  [[nodiscard]] std::size_t connections() const { return state_->connections.size(); }

  /// Told of connections that could not be accepted, at most once a second.
  void on_error(Callback<void(const Error&)> on_error) {
    state_->listener->on_error(std::move(on_error));
  }

  /// Calls `visit(session)` for every session.
  template <class Visit>
  void for_each(Visit visit) {
    for (Connection& connection : state_->connections) visit(connection.session);
  }

  /// Ends in order: accepts no more, asks every session to finish() or closes its stream, and cuts
  /// off what is left after `timeout`. The loop's run() returns then, if nothing else is to do.
  void drain(std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
    state_->drain(timeout);
  }

 private:
  struct State;

  static constexpr bool framed = !std::same_as<D, NoDecoder>;

  struct Connection : AttachedDecoder<D> {
    Connection(State& server, Socket socket, const Address& peer)
        : stream(server.loop, std::move(socket), peer), session(server.make_session(stream)) {}

    void touch() {
      if (idle) idle->touch();
    }

    Stream stream;
    Session session;
    std::unique_ptr<Deadline> idle;
  };

  struct State : Retiring {
    State(Loop& on, ServerOptions with, MakeSession make)
        : loop(on), options(with), make_session(std::move(make)) {}

    using Place = typename std::list<Connection>::iterator;

    void accept(Socket socket, const Address& peer) {
      // Making a session is the user's code: it may drain the server, or destroy it.
      const Use<State> use(*this);
      connections.emplace_front(*this, std::move(socket), peer);
      if (retired()) return;
      attach(connections.begin());
      if (retired()) return;
      if (draining) return connections.front().stream.close(options.close_timeout);
      if (connections.size() >= options.max_connections) listener->pause();
    }

    void attach(Place place) {
      Connection& connection = *place;
      Stream& stream = connection.stream;
      stream.set_limits(options.limits);
      if constexpr (framed) {
        connection.decoder.emplace(stream, make_decoder(), [&](const typename D::Frame& frame) {
          connection.touch();
          connection.session.on_frame(frame);
        });
      } else {
        stream.on_data([&connection](std::span<const std::byte> bytes) {
          connection.touch();
          connection.session.on_data(bytes);
        });
      }
      if constexpr (requires { connection.session.on_end(); }) {
        const auto on_end = [&connection] { connection.session.on_end(); };
        if constexpr (framed) {
          connection.decoder->on_end(on_end);
        } else {
          stream.on_end(on_end);
        }
      }
      if constexpr (requires { connection.session.on_drained(); }) {
        stream.on_drained([&connection] { connection.session.on_drained(); });
      }
      stream.on_close([this, place](const Error& error) {
        const std::list<Connection> ended = take(place);
        if constexpr (requires { place->session.on_close(error); }) place->session.on_close(error);
      });
      if (options.idle_timeout.count() == 0) return;
      connection.idle = std::make_unique<Deadline>(loop, options.idle_timeout, [this, &connection] {
        connection.stream.close(options.close_timeout);
      });
    }

    [[nodiscard]] std::list<Connection> take(Place place) {
      std::list<Connection> taken;
      taken.splice(taken.begin(), connections, place);
      if (draining && connections.empty()) cut_off.reset();
      if (!draining && connections.size() + 1 == options.max_connections) listener->resume();
      return taken;
    }

    void drain(std::chrono::milliseconds timeout) {
      if (std::exchange(draining, true)) return;
      const Use<State> use(*this);
      listener.reset();
      for (Connection& connection : connections) {
        if constexpr (requires { connection.session.finish(); }) {
          connection.session.finish();
          if (retired()) return;
        } else {
          connection.stream.close(timeout);
        }
      }
      if (connections.empty()) return;
      cut_off = Timer::after(loop, timeout, [this] {
        for (Connection& connection : connections) connection.stream.abort();
      });
    }

    void end() {
      cut_off.reset();
      listener.reset();
      connections.clear();
    }

    Loop& loop;
    const ServerOptions options;
    MakeSession make_session;
    MakeDecoder make_decoder = [] { return D(); };
    std::list<Connection> connections;
    std::optional<Listener> listener;
    std::optional<Timer> cut_off;
    bool draining = false;
  };

  Server(Loop& loop, ServerOptions options, MakeSession make_session)
      : state_(new State(loop, options, std::move(make_session))) {}

  [[nodiscard]] Listener::OnAccept on_accept() {
    return [state = state_.get()](Socket socket, const Address& peer) {
      state->accept(std::move(socket), peer);
    };
  }

  std::unique_ptr<State, Retire<State>> state_;
};

}  // namespace reactor
