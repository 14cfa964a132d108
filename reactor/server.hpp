// One session object for each connection: what Python's socketserver is, without its threads.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/deadline.hpp"
#include "reactor/framed.hpp"
#include "reactor/listener.hpp"
#include "reactor/resolver.hpp"
#include "reactor/result.hpp"
#include "reactor/retiring.hpp"
#include "reactor/session_hooks.hpp"
#include "reactor/socket.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"

namespace reactor {

struct ServerOptions {
  ListenOptions listen = {};
  StreamLimits limits = {};
  /// Connections beyond this many wait in the kernel's backlog. At least 1.
  std::size_t max_connections = 100'000;
  /// Closes a connection from which nothing (with a decoder: no frame) came for this long; zero:
  /// never.
  std::chrono::milliseconds idle_timeout{0};
  /// How long a connection may take to close in order.
  std::chrono::milliseconds close_timeout = std::chrono::seconds(5);

  /// Refuses values that no server can work with; listen() and adopt() call it. `endpoint` is for
  /// the error's text.
  ///
  /// Errors    invalid_argument, with a hint that names the option: max_connections is 0, or a
  ///           timeout is negative.
  [[nodiscard]] Result<void> check(std::string_view endpoint) const;
};

/// The part of a connection that only some servers have.
template <class D>
struct AttachedDecoder {
  std::optional<Framed<D>> decoder;
};
template <>
struct AttachedDecoder<NoDecoder> {};

/// Accepts connections, and keeps a Session for each until it is closed. With a decoder, sessions
/// are given whole messages: Server<Session, protocols::LineDecoder>. The functions that a Session
/// may have are those of SessionOf; one that is misspelt or has other parameters does not compile.
///
///     struct Echo {
///       reactor::Stream& stream;
///       void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
///     };
///     auto server = reactor::Server<Echo>::listen(loop, "127.0.0.1:9000");
///
/// Lifetime  Destroying the Server closes everything at once; drain() does so in order. A Session
///           is destroyed after its on_close, and lives as long as its Stream. Both calls, and any
///           call on any connection's Stream, are legal in make_session, make_decoder, on_error,
///           visitors, every function of a Session and its destructor. The Stream is the Server's:
///           a Session does not move it away.
/// Thread    The loop's thread only.
template <class Session, class D = NoDecoder>
class Server {
 public:
  using MakeSession = Callback<Session(Stream&)>;
  using MakeDecoder = Callback<D()>;

  /// Listens on `HOST:PORT`, `[::1]:PORT` or `unix:PATH`. A Session is made from its Stream, or by
  /// `make_session`, which can give it what all of them share.
  ///
  /// Errors    As resolve_now, ServerOptions::check and Listener::listen.
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
    if (auto good = options.check(address.to_string()); !good) return Failure(good.error());
    Server server(loop, options, std::move(make_session));
    return server.start(Listener::listen(loop, address, options.listen, server.on_accept()));
  }

  /// Accepts from a socket that listens already, as Listener::adopt does.
  [[nodiscard]] static Result<Server> adopt(Loop& loop, Socket socket, ServerOptions options,
                                            MakeSession make_session) {
    if (auto good = options.check("adopted socket"); !good) return Failure(good.error());
    Server server(loop, options, std::move(make_session));
    return server.start(Listener::adopt(loop, std::move(socket), server.on_accept()));
  }

  /// Where it listens; after drain(), where it listened.
  [[nodiscard]] const Address& address() const { return state_->address; }

  /// Makes the decoder of each connection from now on, where the settings of D() will not do.
  void set_decoder(MakeDecoder make_decoder) { state_->set_decoder(std::move(make_decoder)); }

  [[nodiscard]] std::size_t connections() const { return state_->connections.size(); }

  /// Called when a connection could not be accepted, at most once a second.
  void on_error(Callback<void(const Error&)> on_error) {
    if (state_->listener) state_->listener->on_error(std::move(on_error));
  }

  /// Calls `visit(session)` for every session, also for one whose Stream the visitor has closed: it
  /// ends later, in the loop. A visitor that destroys the server is not called again.
  template <class Visit>
  void for_each(Visit visit) {
    State& state = *state_;
    const Use<State> use(state);
    auto place = state.connections.begin();
    while (!state.retired() && place != state.connections.end()) visit((place++)->session);
  }

  /// Ends in order: stops listening, asks every session to finish() or closes its stream, and cuts
  /// off what is left after `timeout`. A connection that the kernel had already accepted gets its
  /// session, receives what had arrived, and is then asked too. The loop's run() returns when all
  /// have ended, if nothing else is to do.
  ///
  /// Errors    What a finish() throws leaves drain(), after all sessions were asked; of several
  ///           exceptions the first.
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
    bool asked_to_finish = false;
  };

  struct State : Retiring {
    State(Loop& on, ServerOptions with, MakeSession make)
        : loop(on), options(with), make_session(std::move(make)) {}
    ~State() { end_connections(); }

    using Connections = std::list<Connection>;
    using Place = typename Connections::iterator;

    // Making a session and its decoder is the user's code, which may drain the server or destroy
    // it: the connection joins the others when it is complete.
    void accept(Socket socket, const Address& peer) {
      const Use<State> use(*this);
      Connections made;
      made.emplace_front(*this, std::move(socket), peer);
      if (!retired()) attach(made.begin());
      if (retired()) return;
      connections.splice(connections.begin(), made);
      if (draining) ask_newcomers->restart(Deadline::Duration(0));
      if (connections.size() >= options.max_connections) listener->pause();
    }

    void attach(Place place) {
      Connection& connection = *place;
      Stream& stream = connection.stream;
      stream.set_limits(options.limits);
      if constexpr (framed) {
        replaced_decoders.clear();
        D decoder = make_decoder();
        if (retired()) return;
        connection.decoder.emplace(stream, std::move(decoder), [&](const typename D::Frame& frame) {
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
        const Connections ended = take(place);
        if constexpr (requires { place->session.on_close(error); }) place->session.on_close(error);
      });
      if (options.idle_timeout.count() == 0) return;
      connection.idle = std::make_unique<Deadline>(loop, options.idle_timeout, [this, &connection] {
        connection.stream.close(options.close_timeout);
      });
    }

    // Before its session is called: that may destroy the server, and all that is in the list.
    [[nodiscard]] Connections take(Place place) {
      Connections taken;
      taken.splice(taken.begin(), connections, place);
      if (listener && connections.size() + 1 == options.max_connections) listener->resume();
      return taken;
    }

    // What is replaced may be running.
    void set_decoder(MakeDecoder next) {
      replaced_decoders.push_back(std::exchange(make_decoder, std::move(next)));
      if (!in_use()) replaced_decoders.clear();
    }

    void drain(std::chrono::milliseconds timeout) {
      if (retired() || std::exchange(draining, true)) return;
      constexpr std::chrono::hours longest(24 * 365 * 100);  // About what nanoseconds can count.
      drain_timeout =
          std::clamp<std::chrono::milliseconds>(timeout, std::chrono::hours(0), longest);
      listener->drain();
      cut_off.emplace(loop, drain_timeout, [this] { cut(); });
      ask_newcomers.emplace(loop, Deadline::Duration(0), [this] { ask_to_finish(); });
      ask_to_finish();
    }

    // Asks each session once, whatever another throws.
    void ask_to_finish() {
      const Use<State> use(*this);
      std::exception_ptr thrown;
      for (Place place = connections.begin(); !retired() && place != connections.end();) {
        Connection& connection = *place++;
        if (std::exchange(connection.asked_to_finish, true)) continue;
        try {
          ask_to_finish(connection);
        } catch (...) {
          if (!thrown) thrown = std::current_exception();
        }
      }
      if (thrown) std::rethrow_exception(thrown);
    }

    void ask_to_finish(Connection& connection) {
      if constexpr (requires { connection.session.finish(); }) {
        connection.session.finish();
      } else {
        connection.stream.close(drain_timeout);
      }
    }

    void cut() {
      listener.reset();
      for (Connection& connection : connections) connection.stream.abort();
    }

    void end() {
      ask_newcomers.reset();
      cut_off.reset();
      listener.reset();
      end_connections();
    }

    // One by one: the list is whole whenever a session's destructor runs.
    void end_connections() {
      while (!connections.empty()) {
        Connections ended;
        ended.splice(ended.begin(), connections, connections.begin());
      }
    }

    Loop& loop;
    const ServerOptions options;
    Address address;
    MakeSession make_session;
    MakeDecoder make_decoder = [] { return D(); };
    std::vector<MakeDecoder> replaced_decoders;
    Connections connections;
    std::optional<Listener> listener;
    bool draining = false;
    std::chrono::milliseconds drain_timeout{0};
    std::optional<Deadline> cut_off;        // Once draining.
    std::optional<Deadline> ask_newcomers;  // Once draining: those accepted since.
  };

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

  std::unique_ptr<State, Retire<State>> state_;
};

}  // namespace reactor
