// The state of a Server: its connections, and when it accepts. Internal.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/admission.hpp"
#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/framed.hpp"
#include "reactor/handle.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/listener.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/server_options.hpp"
#include "reactor/session_hooks.hpp"
#include "reactor/socket.hpp"
#include "reactor/stream.hpp"

namespace reactor::inline v0::detail {

// The part of a connection that only a server with a decoder has.
template <class D>
struct AttachedDecoder {
  using Received = const typename D::Frame&;
  std::optional<Framed<D>> decoder;
};
template <>
struct AttachedDecoder<NoDecoder> {
  using Received = std::span<const std::byte>;
};

template <class Session, class D>
struct ServerConnection : AttachedDecoder<D> {
  template <class MakeSession>
  ServerConnection(Loop& loop, Admission& admission, const SharedLimits& limits,
                   const std::optional<TlsContext>& tls, Socket socket, const Address& peer,
                   MakeSession& make_session)
      : stream(loop, std::move(socket), peer),
        entry(admission, stream, peer),
        session(make(limits, tls, make_session)) {}

  // The limits apply already to what the constructor of the session writes.
  template <class MakeSession>
  [[nodiscard]] Session make(const SharedLimits& limits, const std::optional<TlsContext>& tls,
                             MakeSession& make_session) {
    stream.set_limits(limits);
    if (tls) stream.secure(*tls);
    return make_session(stream);
  }

  Stream stream;
  Admission::Entry entry;
  Session session;
  std::unique_ptr<IdleTimeout> idle;
  bool asked_to_finish = false;
};

[[nodiscard]] inline bool limits_time(Duration timeout) {
  return timeout.count() > 0 && timeout < Duration::max();
}

// Ends connections on which no byte has moved since they were accepted. The list has the newest
// first; those before `end_` may not have progressed yet.
template <class Connections>
class FirstProgress {
 public:
  FirstProgress(Loop& loop, Duration timeout, Connections& connections)
      : loop_(loop), timeout_(timeout), connections_(connections) {}

  [[nodiscard]] bool is_awaited() const { return awaited_; }

  // Called before a connection joins the list at the front.
  void await() {
    if (end_ != connections_.begin() || !limits_time(timeout_)) return;
    if (!look_) look_.emplace(loop_, timeout_, [this] { end_silent(); });
    look_->restart(timeout_);
    awaited_ = true;
  }

  // Called before the connection leaves the list.
  void forget(typename Connections::iterator place) {
    if (place == end_) ++end_;
  }

  // An armed idle timeout costs each iteration of the loop a look at the clock, so it is cancelled
  // when all connections have progressed.
  void look() {
    while (end_ != connections_.begin() && std::prev(end_)->stream.has_progressed()) --end_;
    if (end_ != connections_.begin()) return;
    awaited_ = false;
    look_->cancel();
  }

  void stop() {
    look_.reset();
    awaited_ = false;
  }

 private:
  void end_silent() {
    while (end_ != connections_.begin()) {
      const auto oldest = std::prev(end_);
      Stream& stream = oldest->stream;
      if (!stream.has_progressed() && stream.is_reading()) {
        const auto left = timeout_ - stream.quiet_for();
        if (left.count() > 0) return look_->restart(left);
        stream.fail({no_first_progress(), "serve", {}, {}});
      }
      end_ = oldest;
    }
  }

  Loop& loop_;
  const Duration timeout_;
  Connections& connections_;
  typename Connections::iterator end_ = connections_.end();
  bool awaited_ = false;
  std::optional<IdleTimeout> look_;
};

template <class Session, class D>
struct ServerState final : HandleState {
  using MakeSession = Callback<Session(Stream&)>;
  using MakeDecoder = Callback<D(Stream&)>;
  static constexpr bool framed = !std::same_as<D, NoDecoder>;
  using Received = typename AttachedDecoder<D>::Received;
  using Connection = ServerConnection<Session, D>;
  using Connections = std::list<Connection>;
  using Place = typename Connections::iterator;

  ServerState(Loop& on, ServerOptions with, MakeSession make)
      : loop(on),
        options(with),
        limits(with.stream_limits()),
        admission(on, with.admission_limits(), [this] { update_listening(); }),
        make_session(std::move(make)) {}

  // Making a session and its decoder runs the user's code, which may drain the server or destroy
  // it. So the connection joins the others when it is complete.
  void accept(Socket socket, const Address& peer) {
    const Use use(*this);
    admission.make_room(peer) ? serve(std::move(socket), peer)
                              : Admission::reset(std::move(socket));
    if (retired()) return;
    if (const auto news = admission.news(); news && on_error) on_error(*news);
  }

  void serve(Socket socket, const Address& peer) {
    Connections made;
    made.emplace_front(loop, admission, limits, options.tls, std::move(socket), peer, make_session);
    if (!retired()) attach(made.begin());
    if (retired()) return;
    first_progress.await();
    connections.splice(connections.begin(), made);
    // In a later iteration, after it has received what had arrived.
    if (draining) ask_newcomers->restart(std::chrono::nanoseconds(1));
    update_listening();
  }

  // Connections that were turned away are in the list until their sessions have been notified.
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
    if (!look_again) look_again.emplace(loop, Duration(), [this] { update_listening(); });
    look_again->restart(std::chrono::milliseconds(20));
  }

  template <class Make>
  void set_decoder(Make make) {
    if constexpr (std::is_invocable_v<Make&, Stream&>) {
      replace(make_decoder, MakeDecoder(std::move(make)));
    } else {
      replace(make_decoder,
              MakeDecoder([make = std::move(make)](Stream&) mutable { return make(); }));
    }
  }

  void set_on_error(Callback<void(const Error&)> next) {
    replace(on_error, std::move(next));
    if (!listener) return;
    if (!on_error) return listener->on_error(nullptr);
    listener->on_error([this](const Error& error) {
      const Use use(*this);
      on_error(error);
    });
  }

  void attach(Place place) {
    Connection& connection = *place;
    Stream& stream = connection.stream;
    const auto on_received = [this, &connection](Received received) {
      receive(connection, received);
    };
    if constexpr (framed) {
      D decoder = make_decoder(stream);
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
    if constexpr (requires(const TlsInfo& info) { connection.session.on_secured(info); }) {
      stream.on_secured(
          [&connection](const TlsInfo& info) { connection.session.on_secured(info); });
    }
    if constexpr (requires { connection.session.on_drained(); }) {
      stream.on_drained([&connection] { connection.session.on_drained(); });
    }
    stream.on_close([this, place](const Error& error) {
      const Connections ended = take(place);
      if constexpr (requires { place->session.on_close(error); }) place->session.on_close(error);
    });
    if (!limits_time(options.idle_timeout)) return;
    connection.idle = std::make_unique<IdleTimeout>(
        loop, options.idle_timeout, [this, &connection] { look_if_idle(connection); });
  }

  // Called for each message. Looking for silent connections is rare, and a function of its own:
  // inside this one it would make each message save registers, for about ten instructions.
  void receive(Connection& connection, Received received) {
    if (first_progress.is_awaited()) [[unlikely]]
      return receive_while_silent(connection, received);
    hand_on(connection, received);
  }

  [[gnu::cold, gnu::noinline]] void receive_while_silent(Connection& connection,
                                                         Received received) {
    first_progress.look();
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

  // Called before its session, which may destroy the server and all that is in the list.
  [[nodiscard]] Connections take(Place place) {
    Connections taken;
    first_progress.forget(place);
    taken.splice(taken.begin(), connections, place);
    place->entry.leave();
    update_listening();
    return taken;
  }

  template <class Visit>
  void for_each(Visit& visit) {
    const Use use(*this);
    auto place = connections.begin();
    while (!retired() && place != connections.end()) visit((place++)->session);
  }

  void drain(Duration timeout) {
    if (retired() || std::exchange(draining, true)) return;
    drain_timeout = timeout;
    if (listener) listener->drain();
    cut_off.emplace(loop, drain_timeout, [this] { cut(); });
    ask_newcomers.emplace(loop, Duration(), [this] { ask_to_finish(); });
    ask_to_finish();
  }

  void hand_over(Duration timeout) {
    if (draining || !listener) return;
    listener->hand_over();
    cut_off.emplace(loop, timeout, [this] { cut(); });
  }

  // Calls each session once, also when another one throws.
  void ask_to_finish() {
    const Use use(*this);
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
    connections_cut_off += connections.size();
    for (Connection& connection : connections) connection.stream.abort();
  }

  void on_retired() noexcept override {
    ask_newcomers.reset();
    cut_off.reset();
    look_again.reset();
    listener.reset();
    end_connections();
  }

  // One by one: the list is consistent whenever a session's destructor runs.
  void end_connections() {
    first_progress.stop();
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
  MakeDecoder make_decoder = [](Stream&) { return D(); };
  Connections connections;
  FirstProgress<Connections> first_progress{loop, options.first_progress_timeout, connections};
  std::optional<Listener> listener;
  bool listener_paused = false;
  std::optional<IdleTimeout> look_again;  // While other servers use the descriptors.
  Callback<void(const Error&)> on_error;
  bool draining = false;
  Duration drain_timeout;
  std::size_t connections_cut_off = 0;
  std::optional<IdleTimeout> cut_off;        // Once draining, or handed over.
  std::optional<IdleTimeout> ask_newcomers;  // Once draining: those accepted since.
};

}  // namespace reactor::detail
