#include "reactor/stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/connect_attempts.hpp"
#include "reactor/connect_retry.hpp"
#include "reactor/engine.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/stall_clock.hpp"
#include "reactor/stream_output.hpp"
#include "reactor/timer.hpp"

namespace reactor {
namespace {

constexpr std::size_t first_read_bytes = 64 * 1024;
constexpr std::size_t least_read_bytes = 16 * 1024;

}  // namespace

struct Stream::State final : StreamOutput {
  using Nanoseconds = Engine::Nanoseconds;

  // What most connections have no need of, most of the time.
  struct Cold {
    Callback<void()> on_connect;
    Callback<void()> on_end;
    Callback<void()> on_drained;
    std::optional<Timer> timer;  // While connecting, while output waits, and while closing.
    StallClock clock;            // For the timer.
    std::unique_ptr<ConnectRetry> retry;        // While the backlog of the peer is full.
    std::unique_ptr<ConnectAttempts> attempts;  // While no address of several has connected.
    Error error;                                // Why the connection is over, until on_close tells.
    AcceptObserver* observer = nullptr;         // Until it is accepted.
  };

  // What is so. Eleven of these end reading or writing, so a test of many is a test of one word.
  enum Flag : std::uint16_t {
    connecting = 1 << 0,
    readable = 1 << 1,     // The kernel may have more to read; an edge will not tell again.
    end_is_near = 1 << 2,  // So look for it behind the last byte.
    ended = 1 << 3,        // The peer's end was read.
    no_reader = 1 << 4,    // There is no on_data.
    paused = 1 << 5,       // By the user.
    throttled = 1 << 6,    // By what is queued, where the limits say so.
    closing = 1 << 7,
    broken = 1 << 8,  // With an error, which on_close has yet to tell.
    closed = 1 << 9,
    undelivered = 1 << 10,  // A layer above has more for the user.
    on_data_replaced = 1 << 11,
    unreachable = 1 << 12,  // For now: no socket, or the backlog of its unix peer is full.
    accepted = 1 << 13,     // By the user of a server.
    level_triggered = 1 << 14,
  };
  static constexpr unsigned not_reading =
      connecting | ended | no_reader | paused | throttled | closing | broken | closed;

  State(Engine& engine, Socket socket, const Address& peer)
      : StreamOutput(engine, std::move(socket), peer) {
    keep_loop_running(true);
    moved_at_ = -engine.now();
  }

  // ---- What the engine calls

  void on_ready(unsigned happened) override {
    if (happened == Happened::readable && !is(not_reading | undelivered)) [[likely]] {
      return read();
    }
    on_anything_ready(happened);
  }

  [[gnu::noinline]] void on_anything_ready(unsigned happened) {
    if (happened & (Happened::peer_closed | Happened::hung_up | Happened::failed)) set(end_is_near);
    if (happened & ~Happened::writable) set(readable);
    if (is(connecting) && !is(broken)) return finish_connecting();
    if ((happened & Happened::writable) && waits_to_send() && !send_queue()) return;
    if ((happened & Happened::failed) && is(not_reading) && !is(closing)) collect_error();
    go_on();
  }

  void on_iteration() override { go_on(); }

  void unregister() noexcept override {
    send_gathered();
    close_socket();
    close_outbox();
  }

  [[nodiscard]] std::string describe() const override { return "stream of " + peer(); }

  [[nodiscard]] std::string peer() const {
    return cold && cold->attempts ? cold->attempts->endpoint() : connection().peer();
  }

  // ---- Reading

  [[nodiscard]] bool is(unsigned any) const { return (flags & any) != 0; }
  void set(unsigned all) { flags = static_cast<std::uint16_t>(flags | all); }
  void clear(unsigned all) { flags = static_cast<std::uint16_t>(flags & ~all); }

  [[nodiscard]] bool reads() const { return !is(not_reading); }

  // Whatever can be done without waiting, in the order in which it must be done.
  void go_on() {
    if (is(closed)) return;
    if (engine().interrupted()) return engine().schedule(*this);
    if (is(broken)) return finish_broken();
    if (has_more_of_file() && !send_queue()) return;
    if (is(closing)) return go_on_closing();
    send_end();
    if (is(ended) && end_is_sent()) return finish({});
    if (is(undelivered) && reads() && !deliver({})) return;
    if (is(readable) && reads()) return read();
    update_interest();
  }

  // False when the stream is gone.
  [[nodiscard]] bool deliver(Bytes bytes) {
    clear(undelivered | on_data_replaced);
    return engine().call(*this, on_data_callback, bytes);
  }

  void read() {
    std::byte* const buffer = engine().read_buffer();
    const ssize_t size = sys::recv(connection().fd(), buffer, read_bytes, 0);
    if (size <= 0) [[unlikely]]
      return read_nothing(static_cast<int>(-size));
    moved_at_ = engine().iteration_time();
    const auto received = static_cast<std::size_t>(size);
    if (received == read_bytes ||
        is(end_is_near | readable | undelivered | on_data_replaced | level_triggered)) {
      return deliver_and_read_on(received);
    }
    (void)engine().call(*this, on_data_callback, Bytes(buffer, received));
  }

  // A stream begins with little, and goes on with more as long as its reads are filled and few
  // others have much to read: what one iteration reads does not grow with the number of peers that
  // flood. A read of more than first_bytes() is never the last before the loop waits.
  [[nodiscard]] std::uint32_t first_bytes() const { return most_bytes(first_read_bytes); }
  [[nodiscard]] std::uint32_t share_bytes() const {
    return most_bytes(std::max(engine().share_bytes(), least_read_bytes));
  }
  [[nodiscard]] std::uint32_t most_bytes(std::size_t size) const {
    const std::size_t most = std::min(limits().read_bytes, Engine::read_buffer_bytes);
    return static_cast<std::uint32_t>(
        std::clamp<std::size_t>(size, 1, std::max<std::size_t>(most, 1)));
  }

  [[gnu::noinline]] void deliver_and_read_on(std::size_t received) {
    // A buffer that was not filled has emptied the socket, unless its end is behind that.
    const bool filled = received == read_bytes;
    filled || is(end_is_near) ? set(readable) : clear(readable);
    read_bytes = filled ? share_bytes() : first_bytes();
    if (!deliver({engine().read_buffer(), received})) return;
    if (!is(readable) || !reads()) return settle_level();
    if (filled || engine().interrupted()) return engine().schedule(*this);
    read();
  }

  [[gnu::noinline]] void read_nothing(int error) {
    if (error == EINTR) return read();
    clear(readable);
    if (error == EAGAIN) return settle_level();
    if (error == 0) return end();
    fail(connection().error(error, "receive from"));
    finish_broken();
  }

  void end() {
    set(ended);
    if (cold && cold->on_end) {
      if (!engine().call(*this, cold->on_end)) return;
    } else {
      begin_closing(limits().close_timeout);
    }
    go_on();
  }

  // ---- Sending

  void on_output_waits() override {
    if (is_above_high_water() && limits().pause_reading_above_high_water) set(throttled);
    if (!is(connecting | closing)) limit_stall();
    update_interest();
  }

  void on_output_failed(Error error) override { fail(std::move(error)); }

  // Sends what waits, as far as the kernel takes it. False when the stream is gone.
  [[nodiscard]] bool send_queue() {
    if (!flush()) return true;
    clear(throttled);
    if (!cold || !cold->on_drained || is(closing)) return true;
    return engine().call(*this, cold->on_drained);
  }

  // ---- Connecting

  void connect(Duration timeout) {
    begin_connecting(timeout);
    update_interest();
  }

  void begin_connecting(Duration timeout) {
    set(connecting);
    hold_output(true);
    limit_time(timeout, "connect");
  }

  void connect_later(const Address& to, Duration timeout) {
    begin_connecting(timeout);
    set(unreachable);
    cold->retry = std::make_unique<ConnectRetry>(
        engine().loop(), connection().socket(), to,
        [this](const Result<bool>& connected) { stop_retrying(connected); });
  }

  // To one of several addresses, given or of the name.
  template <class Addresses>
  void connect_any(Addresses addresses, const ConnectOptions& options) {
    set(connecting | unreachable);
    hold_output(true);
    cold_part().attempts = std::make_unique<ConnectAttempts>(
        engine().loop(), std::move(addresses), options,
        [this](Result<ConnectAttempts::Connected> connected) { take(std::move(connected)); });
  }

  // The rest follows once the poller reports that the socket is writable.
  void take(Result<ConnectAttempts::Connected> connected) {
    const std::unique_ptr<ConnectAttempts> over = std::move(cold->attempts);
    if (is(broken | closed)) return;
    if (!connected) return fail(std::move(connected.error()));
    connection().socket() = std::move(connected->socket);
    connection().set_peer(connected->peer);
    clear(unreachable);
    update_interest();
  }

  void stop_retrying(const Result<bool>& connected) {
    clear(unreachable);
    const std::unique_ptr<ConnectRetry> over = std::move(cold->retry);
    if (!connected) return fail(connected.error());
    update_interest();
  }

  void finish_connecting() {
    Error error = connection().take_error("connect");
    if (!error && connection().is_to_itself()) {
      lose_output();  // Reset, its port is free at once.
      error = connection().error(ECONNREFUSED, "connect");
    }
    if (error) {
      fail(std::move(error));
      return finish_broken();
    }
    clear(connecting);
    hold_output(false);
    cold->timer.reset();
    moved_at_ = engine().iteration_time();
    if (waits_to_send()) limit_stall();
    if (cold->on_connect && !engine().call(*this, cold->on_connect)) return;
    if (waits_to_send() && !send_queue()) return;
    go_on();
  }

  // ---- Ending

  void shutdown() {
    if (!takes_output()) return;
    end_output();
    send_end();
    if (is(ended)) engine().schedule(*this);  // Both sides are: go_on() finishes.
  }

  void send_end() {
    if (!is(broken)) send_end_if_sent();
  }

  void close(Duration timeout, Error reason = {}) {
    if (is(closing | broken | closed)) return;
    if (is(connecting)) return fail(connection().error(ECANCELED, "connect"));
    if (reason) cold_part().error = std::move(reason);
    begin_closing(timeout);
    engine().schedule(*this);
  }

  void begin_closing(Duration timeout) {
    end_output();
    set(closing);
    clear(throttled);
    if (!is(ended) || waits_to_send()) limit_time(timeout, "close connection to");
  }

  // Reads while there is something to send too: a peer that sends all it has before it reads would
  // never come to that otherwise.
  void go_on_closing() {
    if (!is(ended)) send_end();
    constexpr std::size_t most = Engine::read_buffer_bytes;
    while (is(readable) && !is(ended)) {
      const ssize_t size = sys::recv(connection().fd(), engine().read_buffer(), most, 0);
      if (size == -EINTR) continue;
      if (size == static_cast<ssize_t>(most)) {
        moved_at_ = engine().iteration_time();
        return engine().schedule(*this);
      }
      if (size < 0 && size != -EAGAIN) {
        return finish(connection().error(static_cast<int>(-size), "close connection to"));
      }
      if (size == 0) set(ended);
      if (size > 0) moved_at_ = engine().iteration_time();
      if (size < 0 || !is(end_is_near)) clear(readable);
    }
    if (is(ended) && !waits_to_send()) return finish({});
    update_interest();
  }

  void abort() {
    if (is(closed)) return;
    (void)engine().take_gathered(*this);
    lose_output();
    fail(connection().error(ECANCELED, "connection to"));
    close_socket();
  }

  // The connection is over, for `error`, once whatever runs now has returned.
  void fail(Error error) {
    if (is(broken | closed)) return;
    set(broken);
    stop_output();
    if (cold_part().attempts) error.subject = peer();
    if (!cold->error) cold->error = std::move(error);
    engine().schedule(*this);
  }

  // What the peer sent before the connection broke is still its due.
  void finish_broken() {
    const bool broken_by_peer = cold->error.code == std::errc::connection_reset ||
                                cold->error.code == std::errc::broken_pipe;
    while (broken_by_peer && is(readable) && !is(no_reader | paused | ended | closing)) {
      std::byte* const buffer = engine().read_buffer();
      const ssize_t size = sys::recv(connection().fd(), buffer, read_bytes, 0);
      if (size == -EINTR) continue;
      if (size <= 0) break;
      const auto received = static_cast<std::size_t>(size);
      if (!deliver({buffer, received})) return;
      if (received == read_bytes || engine().interrupted()) return engine().schedule(*this);
    }
    finish({});
  }

  // From the engine only: calls on_close, the last of all calls.
  void finish(Error error) {
    set(closed);
    close_socket();
    close_outbox();
    if (cold) {
      cold->timer.reset();
      if (cold->error) error = std::move(cold->error);
    }
    keep_loop_running(false);
    if (on_close_callback) (void)engine().call(*this, on_close_callback, std::as_const(error));
  }

  void close_socket() {
    if (cold) {
      cold->retry.reset();
      cold->attempts.reset();
    }
    close_connection();
  }

  // ---- Time without progress

  // Output waits for the peer: it has so long to take some of it.
  void limit_stall() {
    if (!cold || !cold->timer || !cold->timer->running()) {
      limit_time(limits().stall_timeout, "send to");
    }
  }

  // Ends the connection once `operation` has made no progress for `most`.
  void limit_time(Duration most, const char* operation) {
    cold_part().timer.reset();
    if (most == Duration::max()) return;
    cold->timer = Timer::after(engine().loop(), most, [this] { on_time(); });
    cold->clock.start(operation, most.count(), engine().now(), connection().unsent_bytes());
  }

  void on_time() {
    // Where all is sent, the timer was left to run out: that is cheaper than to stop it.
    if (!is(connecting | closing) && !waits_to_send()) return;
    look_at_unsent();
    const Nanoseconds now = engine().now();
    const Nanoseconds left = cold->clock.left(now, std::abs(moved_at_));
    const bool discarding = is(closing) && !waits_to_send();
    if (is(connecting) || left <= 0 ||
        (discarding && cold->clock.discards_too_long(now, limits().discard_timeout.count()))) {
      return fail(connection().error(ETIMEDOUT, cold->clock.operation()));
    }
    cold->timer->restart(std::chrono::nanoseconds(left));
  }

  // The peer has acknowledged, or a unix peer has read, what the kernel had to send.
  void look_at_unsent() {
    if (cold_part().clock.look_at_unsent(connection().unsent_bytes())) moved_at_ = engine().now();
  }

  void touch() { moved_at_ = engine().iteration_time(); }

  [[nodiscard]] bool has_progressed() const { return moved_at_ >= 0; }

  [[nodiscard]] Nanoseconds quiet_for() {
    if (is(no_reader | paused | throttled)) return 0;
    look_at_unsent();
    return engine().known_time_since(std::abs(moved_at_));
  }

  // ---- Registration

  // Tells the poller what this stream waits for. Edge-triggered, that is all input for its whole
  // life, and output from the first time that the kernel was full.
  void update_interest() {
    if (!connection().is_open() || is(closed | unreachable)) return;
    Interest wanted = is(connecting) || waits_to_send() ? Interest::writable : Interest::none;
    if (!is(level_triggered)) {
      wanted = wanted | Interest::readable | Interest::peer_closed | connection().waits_for();
    } else if (reads() || (is(closing) && !is(ended))) {
      wanted = wanted | Interest::readable;
    } else if (!is(end_is_near)) {
      wanted = wanted | Interest::peer_closed;  // Level-triggered, it would be told for ever.
    } else if (!end_is_sent()) {
      wanted = wanted | Interest::priority;  // Never comes; a reset does.
    }
    if (wanted == connection().waits_for()) return;
    const int error = connection().wait_for(*this, wanted);
    if (error != 0) fail(connection().error(-error, "watch connection to"));
  }

  // Level-triggered, what a stream waits for follows what it may do.
  void settle_level() {
    if (is(level_triggered)) update_interest();
  }

  // An error that no read will collect.
  void collect_error() {
    if (Error error = connection().take_error("connection to")) fail(std::move(error));
  }

  void set_limits(const SharedLimits& limits) {
    StreamOutput::set_limits(limits);
    read_bytes = first_bytes();
    if (waits_to_send() && !is(connecting | closing)) {
      limit_time(this->limits().stall_timeout, "send to");
    }
  }

  Cold& cold_part() {
    if (!cold) cold = std::make_unique<Cold>();
    return *cold;
  }

  std::uint16_t flags = engine().has_edge_trigger() ? no_reader : no_reader | level_triggered;
  std::uint32_t read_bytes = first_read_bytes;
  Callback<void(Bytes)> on_data_callback;
  Callback<void(const Error&)> on_close_callback;
  std::unique_ptr<Cold> cold;
};

Stream::Stream(Loop& loop, Socket socket) : Stream(loop, std::move(socket), Address()) {
  if (const auto peer = this->socket().peer_address()) state_->connection().set_peer(*peer);
}

Stream::Stream(Loop& loop, Socket socket, const Address& peer)
    : state_(new State(loop.engine(), std::move(socket), peer)) {
  state_->update_interest();
}

Result<Stream> Stream::connect(Loop& loop, const Address& peer, Duration timeout) {
  auto socket = open_stream_socket(peer.family());
  if (!socket) return Failure(socket.error());
  const auto done = socket->connect(peer);
  const bool later = ConnectRetry::is_needed(peer, done);
  if (!done && !later) return Failure(done.error());
  Stream stream(new State(loop.engine(), std::move(*socket), peer));
  later ? stream.state_->connect_later(peer, timeout) : stream.state_->connect(timeout);
  return stream;
}

Stream Stream::connect(Loop& loop, std::string_view endpoint, const ConnectOptions& options) {
  if (const auto address = Address::parse(endpoint))
    return connect(loop, std::vector{*address}, options);
  Stream stream(new State(loop.engine(), Socket(), Address()));
  stream.state_->connect_any(std::string(endpoint), options);
  return stream;
}

Stream Stream::connect(Loop& loop, std::vector<Address> addresses, const ConnectOptions& options) {
  if (addresses.size() != 1) {
    Stream stream(new State(loop.engine(), Socket(), Address()));
    stream.state_->connect_any(std::move(addresses), options);
    return stream;
  }
  const Address& peer = addresses.front();
  auto connecting = connect(loop, peer, std::min(options.timeout, options.attempt_timeout));
  if (connecting) return std::move(*connecting);
  Stream stream(new State(loop.engine(), Socket(), peer));
  stream.state_->set(State::connecting | State::unreachable);
  stream.state_->fail(std::move(connecting.error()));
  return stream;
}

void Stream::on_data(Callback<void(Bytes)> on_data) {
  state_->set(State::on_data_replaced);
  on_data ? state_->clear(State::no_reader) : state_->set(State::no_reader);
  state_->replace(state_->on_data_callback, std::move(on_data));
  if (state_->is(State::readable)) state_->engine().schedule(*state_);
  state_->settle_level();
}

void Stream::on_end(Callback<void()> on_end) {
  state_->replace(state_->cold_part().on_end, std::move(on_end));
}

void Stream::on_drained(Callback<void()> on_drained) {
  state_->replace(state_->cold_part().on_drained, std::move(on_drained));
}

void Stream::on_close(Callback<void(const Error&)> on_close) {
  state_->replace(state_->on_close_callback, std::move(on_close));
}

void Stream::on_connect(Callback<void()> on_connect) {
  state_->replace(state_->cold_part().on_connect, std::move(on_connect));
}

WriteStatus Stream::write(Bytes bytes) { return state_->write(bytes); }

WriteStatus Stream::write_file(File file, std::uint64_t offset, std::uint64_t size) {
  return state_->write_file(std::move(file), offset, size);
}

void Stream::shutdown() { state_->shutdown(); }

void Stream::close(Duration timeout) { state_->close(timeout); }

void Stream::close() { close(state_->limits().close_timeout); }

void Stream::fail(Error reason) { delivery().fail(std::move(reason)); }

void Stream::abort() { state_->abort(); }

void Stream::pause() {
  state_->set(State::paused);
  state_->settle_level();
}

void Stream::resume() {
  state_->clear(State::paused);
  if (state_->is(State::readable | State::undelivered)) state_->engine().schedule(*state_);
  state_->settle_level();
}

std::size_t Stream::queued_bytes() const { return state_->queued(); }

void Stream::set_limits(const StreamLimits& limits) { set_limits(SharedLimits(limits)); }

void Stream::set_limits(const SharedLimits& limits) { state_->set_limits(limits); }

bool Stream::is_reading() const { return state_->reads(); }

bool Stream::peer_has_ended() const {
  return state_->is(State::end_is_near | State::ended | State::broken | State::closed);
}

void Stream::touch() { state_->touch(); }

Duration Stream::quiet_for() const { return std::chrono::nanoseconds(state_->quiet_for()); }

bool Stream::has_progressed() const { return state_->has_progressed(); }

void Stream::accept() {
  if (state_->is(State::accepted)) return;
  state_->set(State::accepted);
  AcceptObserver* const observer = state_->cold ? state_->cold->observer : nullptr;
  if (observer) observer->on_accepted();
}

bool Stream::is_accepted() const { return state_->is(State::accepted); }

void Stream::observe_accept(AcceptObserver* observer) { state_->cold_part().observer = observer; }

Socket& Stream::socket() { return state_->connection().socket(); }

Stream::Sender Stream::sender() const { return Sender(state_->outbox()); }

Stream::Delivery Stream::delivery() const { return Delivery(state_.get()); }

bool Stream::Delivery::goes_on() const {
  // Not asked: whether the connection is broken. What the peer sent before is still its due.
  const State& state = *state_;
  return !state.retired() && state.connection().is_open() &&
         !state.is((State::not_reading & ~unsigned{State::broken}) | State::on_data_replaced);
}

void Stream::Delivery::call_again() {
  if (state_->retired()) return;
  state_->set(State::undelivered);
  if (state_->reads()) state_->engine().schedule(*state_);
}

void Stream::Delivery::close() {
  if (!state_->retired()) state_->close(state_->limits().close_timeout);
}

void Stream::Delivery::fail(Error reason) {
  if (state_->retired()) return;
  if (reason.subject.empty()) reason.subject = state_->connection().peer();
  state_->close(state_->limits().close_timeout, std::move(reason));
}

WriteStatus Stream::Sender::write(std::string_view text) const {
  return outbox_->write(outbox_, std::as_bytes(std::span(text)));
}

void Stream::Sender::once_drained(Callback<void()> callback) const {
  outbox_->once_drained(std::move(callback));
}

}  // namespace reactor
