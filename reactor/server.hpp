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
#include "reactor/listener.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"

namespace reactor {

struct ServerOptions {
  ListenOptions listen;
  StreamLimits limits;
  /// Connections beyond this many wait in the kernel's backlog.
  std::size_t max_connections = 100'000;
  /// Closes a connection from which nothing came for this long; zero: never.
  std::chrono::milliseconds idle_timeout{0};
  /// How long a connection may take to close in order.
  std::chrono::milliseconds close_timeout = std::chrono::seconds(5);
};

/// What a Session must have. It may also have on_end(), on_drained() and on_close(const Error&),
/// with the meaning they have on Stream, and finish(), by which drain() asks it to end soon.
template <class Session>
concept ByteSession = requires(Session session, std::span<const std::byte> bytes) {
  session.on_data(bytes);
};

/// Accepts connections, and keeps a Session for each until it is closed.
///
///     struct Echo {
///       reactor::Stream& stream;
///       void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
///     };
///     auto server = reactor::Server<Echo>::listen(loop, "127.0.0.1:9000");
///
/// Lifetime  Destroying the Server closes everything at once; drain() does so in order. A Session
///           is destroyed after its on_close, and lives as long as its Stream.
/// Thread    The loop's thread only.
template <ByteSession Session>
class Server {
 public:
  using MakeSession = Callback<Session(Stream&)>;

  /// Listens on `HOST:PORT`, `[::1]:PORT` or `unix:PATH`. A Session is made from its Stream, or by
  /// `make_session`, which can give it what all of them share.
  ///
  /// Errors    As Address::parse and Listener::listen.
  [[nodiscard]] static Result<Server> listen(Loop& loop, std::string_view endpoint,
                                             ServerOptions options = {}) {
    return listen(loop, endpoint, options, [](Stream& stream) { return Session{stream}; });
  }

  [[nodiscard]] static Result<Server> listen(Loop& loop, std::string_view endpoint,
                                             ServerOptions options, MakeSession make_session) {
    const auto address = Address::parse(endpoint);
    if (!address) return Failure(address.error());
    return listen(loop, *address, options, std::move(make_session));
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

  struct Connection {
    Connection(State& server, Socket socket, const Address& peer)
        : stream(server.loop, std::move(socket), peer), session(server.make_session(stream)) {}

    Stream stream;
    Session session;
    std::unique_ptr<Deadline> idle;
  };

  struct State {
    State(Loop& on, ServerOptions with, MakeSession make)
        : loop(on), options(with), make_session(std::move(make)) {}

    using Place = typename std::list<Connection>::iterator;

    void accept(Socket socket, const Address& peer) {
      connections.emplace_front(*this, std::move(socket), peer);
      attach(connections.begin());
      if (connections.size() >= options.max_connections) listener->pause();
    }

    void attach(Place place) {
      Stream& stream = place->stream;
      Session& session = place->session;
      stream.set_limits(options.limits);
      if (options.idle_timeout.count() > 0) {
        place->idle = std::make_unique<Deadline>(loop, options.idle_timeout, [this, place] {
          place->stream.close(options.close_timeout);
        });
        stream.on_data([place = &*place](std::span<const std::byte> bytes) {
          place->idle->touch();
          place->session.on_data(bytes);
        });
      } else {
        stream.on_data([&session](std::span<const std::byte> bytes) { session.on_data(bytes); });
      }
      if constexpr (requires { session.on_end(); }) {
        stream.on_end([&session] { session.on_end(); });
      }
      if constexpr (requires { session.on_drained(); }) {
        stream.on_drained([&session] { session.on_drained(); });
      }
      stream.on_close([this, place](const Error& error) {
        const std::list<Connection> ended = take(place);
        if constexpr (requires { session.on_close(error); }) place->session.on_close(error);
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
      listener.reset();
      for (Connection& connection : connections) {
        if constexpr (requires { connection.session.finish(); }) {
          connection.session.finish();
        } else {
          connection.stream.close(timeout);
        }
      }
      if (connections.empty()) return;
      cut_off = Timer::after(loop, timeout, [this] {
        for (Connection& connection : connections) connection.stream.abort();
      });
    }

    Loop& loop;
    const ServerOptions options;
    MakeSession make_session;
    std::list<Connection> connections;
    std::optional<Listener> listener;
    std::optional<Timer> cut_off;
    bool draining = false;
  };

  Server(Loop& loop, ServerOptions options, MakeSession make_session)
      : state_(std::make_unique<State>(loop, options, std::move(make_session))) {}

  [[nodiscard]] Listener::OnAccept on_accept() {
    return [state = state_.get()](Socket socket, const Address& peer) {
      state->accept(std::move(socket), peer);
    };
  }

  std::unique_ptr<State> state_;
};

}  // namespace reactor
