// One session object for each connection: what Python's socketserver is, without its threads.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/admission.hpp"
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

/// What a server accepts and keeps. The defaults are finite, and safe with clients that nobody
/// knows.
struct ServerOptions {
  ListenOptions listen = {};

  // ---- Connections. docs/guide.md has a section on these limits

  /// Connections beyond this many wait in the kernel's backlog. At least 1. Where RLIMIT_NOFILE
  /// leaves room for fewer, that many: see connection_limit().
  std::size_t max_connections = 10'000;
  /// Descriptors that stay free for the rest of the program, beside those that it has open when it
  /// starts to listen: its files, its children, what it connects to.
  std::size_t reserved_descriptors = 64;
  /// How many descriptors a connection may take: 1 for its socket, and what its session opens, such
  /// as a file, or a child's two outputs. At least 1.
  std::size_t descriptors_each = 1;
  /// Connections from one network, which is an IPv4 address or the first 64 bits of an IPv6
  /// address. One more takes the place of an unaccepted connection of the network, or is reset at
  /// once. Unix sockets are exempt. By default only max_connections limits them: a proxy, and the
  /// users behind an address translation, have one address together. At least 1.
  std::size_t max_per_network = SIZE_MAX;
  /// Resets a connection that its session has not accepted by stream.accept() after so long,
  /// whatever moved on it. 0: no connection has to be accepted. max(): there is time, and
  /// max_unaccepted still counts.
  Duration unaccepted_timeout = {};
  /// Connections that have not been accepted. One more, and any beyond max_connections, takes the
  /// place of the oldest of them of the same network, or else of the oldest of all. At least 1.
  std::size_t max_unaccepted = 256;

  // ---- For each connection, as in StreamLimits

  std::size_t high_water_bytes = 256 * 1024;
  std::size_t max_queued_bytes = 1024 * 1024;
  std::size_t read_bytes = 512 * 1024;
  /// A client that does not read its answers may not ask more.
  bool pause_reading_above_high_water = true;

  /// What all connections of the server may have queued together.
  std::size_t max_total_queued_bytes = 256 * 1024 * 1024;

  // ---- Time. For the first three, 0 and max() mean never

  /// Closes a connection on which no byte has moved in either direction for so long; a session
  /// that has on_idle() is asked instead. A session that has paused its stream is not idle, and
  /// stream.touch() counts as progress. The right value depends on the protocol: set it.
  Duration idle_timeout = {};
  /// Closes a connection on which no byte at all has moved since it was accepted.
  Duration first_progress_timeout = std::chrono::seconds(30);
  /// Closes a connection whose output waits and makes no progress.
  Duration stall_timeout = std::chrono::seconds(30);
  /// How long a connection that closes may make no progress.
  Duration close_timeout = std::chrono::seconds(5);

  /// How many connections are served at once: max_connections, or what RLIMIT_NOFILE leaves beside
  /// the descriptors that are open and the reserved ones. The servers of a process share these
  /// descriptors, also those on several threads; all other limits are each server's own.
  ///
  /// Cost      Counts the open descriptors.
  [[nodiscard]] std::size_t connection_limit() const;

  /// The most memory that a server with these options takes in user space. `bytes_each` is what the
  /// program adds to each connection: its session, and what its decoder may keep.
  [[nodiscard]] std::uint64_t most_bytes(std::uint64_t bytes_each = 0) const;

  /// The part of the options that is about the number of connections.
  [[nodiscard]] AdmissionLimits admission_limits() const;

  /// The part of the options that a stream knows.
  [[nodiscard]] SharedLimits stream_limits() const;

  /// Refuses values that no server can work with; listen() and adopt() call it. `endpoint` is for
  /// the error's text.
  ///
  /// Errors    invalid_argument, with a hint that names the option: one that is at least 1 is 0, or
  ///           a timeout is negative.
  [[nodiscard]] Result<void> check(std::string_view endpoint) const;
};

/// The code of the Error by which a connection ends that was idle for longer than idle_timeout. It
/// equals std::errc::timed_out.
[[nodiscard]] std::error_code idle_too_long();

/// The code for one on which nothing has moved for first_progress_timeout after it was accepted. It
/// equals std::errc::timed_out.
[[nodiscard]] std::error_code no_first_progress();

/// The part of a connection that only some servers have.
template <class D>
struct AttachedDecoder {
  using Received = const typename D::Frame&;
  std::optional<Framed<D>> decoder;
};
template <>
struct AttachedDecoder<NoDecoder> {
  using Received = std::span<const std::byte>;
};

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

  /// Listens on all addresses of `HOST:PORT`, on `[::1]:PORT` or on `unix:PATH`. A Session is made
  /// from its Stream, or by `make_session`, which can give it what all of them share.
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

  /// Accepts from a socket that listens already, as Listener::adopt does.
  [[nodiscard]] static Result<Server> adopt(Loop& loop, Socket socket, ServerOptions options,
                                            MakeSession make_session) {
    if (auto good = options.check("adopted socket"); !good) return Failure(good.error());
    Server server(loop, options, std::move(make_session));
    return server.start(Listener::adopt(loop, std::move(socket), server.on_accept()));
  }

  /// Where it listens; after drain(), where it listened. Of several addresses the first.
  [[nodiscard]] const Address& address() const { return state_->address; }

  /// Makes the decoder of each connection from now on, where the settings of D() will not do.
  void set_decoder(MakeDecoder make_decoder) { state_->set_decoder(std::move(make_decoder)); }

  [[nodiscard]] std::size_t connections() const { return state_->connections.size(); }

  /// The connections that this server has turned away for the sake of others.
  [[nodiscard]] const TurnedAway& turned_away() const { return state_->admission.turned_away(); }

  /// Connections that have not been accepted; none where none has to be.
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
  void drain(Duration timeout = std::chrono::seconds(5)) { state_->drain(timeout); }

 private:
  struct State;

  [[nodiscard]] static bool limits_time(Duration timeout) {
    return timeout.count() > 0 && timeout < Duration::max();
  }

  static constexpr bool framed = !std::same_as<D, NoDecoder>;
  using Received = typename AttachedDecoder<D>::Received;

  struct Connection : AttachedDecoder<D> {
    Connection(State& server, Socket socket, const Address& peer)
        : stream(server.loop, std::move(socket), peer),
          entry(server.admission, stream, peer),
          session(make_session(server)) {}

    // What it writes is subject to the limits already.
    [[nodiscard]] Session make_session(State& server) {
      stream.set_limits(server.limits);
      return server.make_session(stream);
    }

    Stream stream;
    Admission::Entry entry;
    Session session;
    std::unique_ptr<Deadline> idle;
    bool asked_to_finish = false;
  };

  struct State : Retiring {
    State(Loop& on, ServerOptions with, MakeSession make)
        : loop(on),
          options(with),
          limits(with.stream_limits()),
          admission(on, with.admission_limits(), [this] { update_listening(); }),
          make_session(std::move(make)) {}
    ~State() { end_connections(); }

    using Connections = std::list<Connection>;
    using Place = typename Connections::iterator;

    // Making a session and its decoder is the user's code, which may drain the server or destroy
    // it: the connection joins the others when it is complete.
    void accept(Socket socket, const Address& peer) {
      const Use<State> use(*this);
      admission.make_room(peer) ? serve(std::move(socket), peer)
                                : Admission::reset(std::move(socket));
      if (retired()) return;
      if (const auto news = admission.news(); news && on_error) (*std::shared_ptr(on_error))(*news);
    }

    void serve(Socket socket, const Address& peer) {
      Connections made;
      made.emplace_front(*this, std::move(socket), peer);
      if (!retired()) attach(made.begin());
      if (retired()) return;
      if (silent_end == connections.begin()) look_for_silent(options.first_progress_timeout);
      connections.splice(connections.begin(), made);
      // In a later turn, after what has arrived was received.
      if (draining) ask_newcomers->restart(std::chrono::nanoseconds(1));
      update_listening();
    }

    // Those that gave way are still in the list until their sessions have been told.
    [[nodiscard]] bool is_full() const {
      return admission.is_full() ||
             connections.size() >= admission.connections() + Admission::most_giving_way;
    }

    void update_listening() {
      if (!listener) return;
      const bool full = is_full();
      if (full && admission.waits_for_others()) look_again_soon();
      if (full == std::exchange(listener_paused, full)) return;
      full ? listener->pause() : listener->resume();
    }

    void look_again_soon() {
      constexpr auto soon = std::chrono::milliseconds(20);
      if (!look_again) look_again.emplace(loop, soon, [this] { update_listening(); });
      look_again->restart(soon);
    }

    // Each call has its own share of it: the callback may be replaced while it runs.
    void set_on_error(Callback<void(const Error&)> next) {
      on_error = next ? std::make_shared<Callback<void(const Error&)>>(std::move(next)) : nullptr;
      if (!listener) return;
      if (!on_error) return listener->on_error(nullptr);
      listener->on_error([call = on_error](const Error& error) { (*call)(error); });
    }

    void attach(Place place) {
      Connection& connection = *place;
      Stream& stream = connection.stream;
      const auto on_received = [this, &connection](Received received) {
        receive(connection, received);
      };
      if constexpr (framed) {
        replaced_decoders.clear();
        D decoder = make_decoder();
        if (retired()) return;
        connection.decoder.emplace(stream, std::move(decoder), on_received);
      } else {
        stream.on_data(on_received);
      }
      if constexpr (requires { connection.session.on_end(); }) {
        const auto on_end = [&connection] { connection.session.on_end(); };
        if constexpr (framed) {
          connection.decoder->on_end(on_end);
        } else {
          stream.on_end(on_end);
        }
      }
      if constexpr (framed && requires { connection.session.on_decode_error(std::error_code()); }) {
        connection.decoder->on_decode_error(
            [&connection](std::error_code error) { connection.session.on_decode_error(error); });
      }
      if constexpr (requires { connection.session.on_drained(); }) {
        stream.on_drained([&connection] { connection.session.on_drained(); });
      }
      stream.on_close([this, place](const Error& error) {
        const Connections ended = take(place);
        if constexpr (requires { place->session.on_close(error); }) place->session.on_close(error);
      });
      if (!limits_time(options.idle_timeout)) return;
      connection.idle = std::make_unique<Deadline>(
          loop, options.idle_timeout, [this, &connection] { look_if_idle(connection); });
    }

    // Called for each message. To look for silent connections is rare, and a function of its own:
    // inside this one it would have each message save registers, for some ten instructions.
    void receive(Connection& connection, Received received) {
      if (silent) [[unlikely]]
        return receive_while_silent(connection, received);
      hand_on(connection, received);
    }

    [[gnu::cold, gnu::noinline]] void receive_while_silent(Connection& connection,
                                                           Received received) {
      look_for_progress();
      hand_on(connection, received);
    }

    static void hand_on(Connection& connection, Received received) {
      if constexpr (TakesDecoder<Session, D>) {
        connection.session.on_frame(received, connection.decoder->decoder());
      } else if constexpr (framed) {
        connection.session.on_frame(received);
      } else {
        connection.session.on_data(received);
      }
    }

    void look_if_idle(Connection& connection) {
      const auto left = options.idle_timeout - connection.stream.quiet_for();
      if (left.count() > 0) return connection.idle->restart(left);
      if constexpr (requires { connection.session.on_idle(); }) {
        connection.idle->restart(options.idle_timeout);
        connection.session.on_idle();
      } else {
        connection.stream.fail({idle_too_long(), "serve", {}, {}});
      }
    }

    // Connections are in the order in which they were accepted, the newest first. Those before
    // `silent_end` may not have progressed yet.
    void look_for_silent(Duration first_look) {
      if (!limits_time(options.first_progress_timeout)) return;
      if (!silent_look) silent_look.emplace(loop, first_look, [this] { end_silent(); });
      silent_look->restart(first_look);
      silent = true;
    }

    // An armed deadline costs each turn of the loop a look at the clock: it goes when all have
    // progressed.
    void look_for_progress() {
      while (silent_end != connections.begin() && std::prev(silent_end)->stream.has_progressed()) {
        --silent_end;
      }
      if (silent_end != connections.begin()) return;
      silent = false;
      silent_look->cancel();
    }

    void end_silent() {
      while (silent_end != connections.begin()) {
        const Place oldest = std::prev(silent_end);
        Stream& stream = oldest->stream;
        if (!stream.has_progressed() && stream.is_reading()) {
          const auto left = options.first_progress_timeout - stream.quiet_for();
          if (left.count() > 0) return silent_look->restart(left);
          stream.fail({no_first_progress(), "serve", {}, {}});
        }
        silent_end = oldest;
      }
    }

    // Before its session is called: that may destroy the server, and all that is in the list.
    [[nodiscard]] Connections take(Place place) {
      Connections taken;
      if (place == silent_end) ++silent_end;
      taken.splice(taken.begin(), connections, place);
      place->entry.leave();
      update_listening();
      return taken;
    }

    // What is replaced may be running.
    void set_decoder(MakeDecoder next) {
      replaced_decoders.push_back(std::exchange(make_decoder, std::move(next)));
      if (!in_use()) replaced_decoders.clear();
    }

    void drain(Duration timeout) {
      if (retired() || std::exchange(draining, true)) return;
      drain_timeout = timeout;
      listener->drain();
      cut_off.emplace(loop, drain_timeout, [this] { cut(); });
      ask_newcomers.emplace(loop, Duration(), [this] { ask_to_finish(); });
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
      look_again.reset();
      listener.reset();
      end_connections();
    }

    // One by one: the list is whole whenever a session's destructor runs.
    void end_connections() {
      silent_look.reset();
      silent = false;
      while (!connections.empty()) {
        Connections ended;
        ended.splice(ended.begin(), connections, connections.begin());
      }
    }

    Loop& loop;
    const ServerOptions options;
    const SharedLimits limits;
    Admission admission;
    Address address;
    MakeSession make_session;
    MakeDecoder make_decoder = [] { return D(); };
    std::vector<MakeDecoder> replaced_decoders;
    Connections connections;
    Place silent_end = connections.end();
    bool silent = false;  // Some may be.
    std::optional<Deadline> silent_look;
    std::optional<Listener> listener;
    bool listener_paused = false;
    std::optional<Deadline> look_again;  // While other servers use what this one could.
    std::shared_ptr<Callback<void(const Error&)>> on_error;
    bool draining = false;
    Duration drain_timeout;
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
