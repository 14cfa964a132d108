#include "reactor/stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "reactor/connect_attempts.hpp"
#include "reactor/connect_retry.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/stream_security.hpp"

namespace reactor::inline v0 {

namespace {

// State that most connections do not need, most of the time.
struct RareState {
  Callback<void()> on_connect;
  Callback<void()> on_end;
  Callback<void()> on_drained;
  std::unique_ptr<ConnectRetry> retry;        // While the backlog of the peer is full.
  std::unique_ptr<ConnectAttempts> attempts;  // While no address of several has connected.
  Error error;                                // Why the connection ended; for on_close.
  AcceptObserver* observer = nullptr;         // Until it is accepted.
};

}  // namespace

struct Stream::State final : StreamSecurity {
  State(Engine& engine, Socket socket, const Address& peer)
      : StreamSecurity(engine, std::move(socket), peer) {
    keep_loop_running(true);
  }

  // ---- What the engine calls

  void on_anything_ready(unsigned happened) override {
    if (happened & (Happened::peer_closed | Happened::hung_up | Happened::failed)) set(end_is_near);
    if (happened & ~Happened::writable) set(readable);
    if (is(connecting) && !is(broken)) {
      if (happened != Happened::readable) finish_connecting();  // Else it is not connected.
      return;
    }
    if ((happened & Happened::writable) && waits_to_send() && !send_queue()) return;
    if ((happened & Happened::failed) && is(not_reading) && !is(closing)) {
      // No read will report it.
      if (Error error = connection().take_error("connection to")) fail(std::move(error));
    }
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
    return cold_ && cold_->attempts ? cold_->attempts->endpoint() : connection().peer();
  }

  // ---- Reading

  // Does everything that is possible without waiting, in the required order.
  void go_on() override {
    if (is(closed)) return;
    if (engine().interrupted()) return engine().schedule(*this);
    if (is(broken)) return finish_broken();
    if (is(handshaking) && !is(connecting)) return shake_hands();
    if (has_more_of_file() && !send_queue()) return;
    if (is(closing) && !is(connecting)) return go_on_closing();
    send_end();
    if (is(ended) && is(filtered) && is(readable)) return expect_no_more();
    if (is(ended) && end_is_sent()) return finish({});
    if (is(undelivered) && reads() && !deliver({})) return;
    if (is(readable) && reads()) return read();
    update_interest();
  }

  void on_input_ended() override {
    if (cold_ && cold_->on_end) {
      if (!engine().call(*this, cold_->on_end)) return;
    } else {
      begin_closing(limits().close_timeout);
    }
    go_on();
  }

  void on_input_failed(Error error) override {
    fail(std::move(error));
    finish_broken();
  }

  // ---- Sending

  void on_output_waits() override {
    if (is_above_high_water() && limits().pause_reading_above_high_water) set(throttled);
    if (!is(connecting | handshaking | closing)) limit_stall();
    update_interest();
  }

  // Sends what waits, as far as the kernel takes it. False when the stream is destroyed.
  [[nodiscard]] bool send_queue() override {
    if (!flush()) return true;
    clear(throttled);
    if (!cold_ || !cold_->on_drained || is(closing)) return true;
    return engine().call(*this, cold_->on_drained);
  }

  void end_refused(Error reason) override {
    if (!is(closing | broken)) return close(limits().close_timeout, std::move(reason));
    if (!cold().error) cold_->error = std::move(reason);
  }

  // ---- Connecting

  void connect(Duration timeout) {
    set(connecting);
    hold_output(true);
    limit_time(timeout, "connect");
    update_interest();
  }

  void connect_later(const Address& to, Duration timeout) {
    set(unreachable);
    connect(timeout);
    cold().retry = std::make_unique<ConnectRetry>(
        engine().loop(), connection().socket(), to,
        [this](const Result<bool>& connected) { stop_retrying(connected); });
  }

  // To one of several addresses, given or looked up.
  template <class Addresses>
  void connect_any(Addresses addresses, const ConnectOptions& options) {
    set(connecting | unreachable);
    hold_output(true);
    cold().attempts = std::make_unique<ConnectAttempts>(
        engine().loop(), std::move(addresses), options,
        [this](Result<ConnectAttempts::Connected> connected) { take(std::move(connected)); });
  }

  // The rest follows when the poller reports that the socket is writable.
  void take(Result<ConnectAttempts::Connected> connected) {
    const std::unique_ptr<ConnectAttempts> over = std::move(cold_->attempts);
    if (is(broken | closed)) return;
    if (!connected) return fail(std::move(connected.error()));
    connection().socket() = std::move(connected->socket);
    connection().set_peer(connected->peer);
    clear(unreachable);
    update_interest();
  }

  void stop_retrying(const Result<bool>& connected) {
    clear(unreachable);
    const std::unique_ptr<ConnectRetry> over = std::move(cold_->retry);
    if (!connected) return fail(connected.error());
    update_interest();
  }

  void finish_connecting() {
    Error error = connection().take_error("connect");
    if (!error && connection().is_to_itself()) {
      lose_output();  // After a reset its port is free immediately.
      error = connection().error(ECONNREFUSED, "connect");
    }
    if (error) {
      fail(std::move(error));
      return finish_broken();
    }
    clear(connecting);
    hold_output(is(handshaking));
    moved_at_ = engine().iteration_time();
    if (!is(closing)) {
      end_time_limit();
      if (waits_to_send() && !is(handshaking)) limit_stall();
      if (cold_ && cold_->on_connect && !engine().call(*this, cold_->on_connect)) return;
    }
    if (is(handshaking)) begin_handshake();
    if (waits_to_send() && !send_queue()) return;
    go_on();
  }

  // ---- Ending

  void shutdown() {
    if (!takes_output()) return;
    end_output();
    send_end();
    if (is(ended)) engine().schedule(*this);  // Both sides have ended: go_on() finishes.
  }

  void send_end() {
    if (!is(broken)) send_end_if_sent();
  }

  void close(Duration timeout, Error reason = {}) {
    if (is(closing | broken | closed)) return;
    if (reason) cold().error = std::move(reason);
    begin_closing(timeout);
    // What was written before is sent once it has connected; if there is none, it need not connect.
    if (is(connecting) && !waits_to_send()) fail(connection().error(ECANCELED, "connect"));
    engine().schedule(*this);
  }

  void begin_closing(Duration timeout) {
    end_output();
    set(closing);
    clear(throttled);
    if (!is(ended) || waits_to_send()) limit_time(timeout, "close connection to");
  }

  // Reads also while there is something to send: otherwise a peer that sends everything before it
  // reads would never begin to read.
  void go_on_closing() {
    if (!is(ended) || is(filtered)) send_end();  // Closing the socket sends an end, but not of TLS.
    if (Error error = discard()) return finish(std::move(error));
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

  // The connection has ended for `error`; the rest follows after the running function has returned.
  void fail(Error error) override {
    if (is(broken | closed)) return;
    set(broken);
    stop_output();
    if (cold().attempts) error.subject = peer();
    if (!cold_->error) cold_->error = std::move(error);
    engine().schedule(*this);
  }

  // What the peer sent before the connection broke must still be delivered.
  void finish_broken() {
    const bool broken_by_peer = cold_->error.code == std::errc::connection_reset ||
                                cold_->error.code == std::errc::broken_pipe;
    if (broken_by_peer && !deliver_rest()) return;
    finish({});
  }

  // Called by the engine only. Calls on_close, the last of all calls.
  void finish(Error error) {
    set(closed);
    close_socket();
    close_outbox();
    end_time_limit();
    if (cold_ && cold_->error) error = std::move(cold_->error);
    keep_loop_running(false);
    if (on_close_callback) (void)engine().call(*this, on_close_callback, std::as_const(error));
  }

  void close_socket() {
    stop_handshake();
    if (cold_) {
      cold_->retry.reset();
      cold_->attempts.reset();
    }
    close_connection();
  }

  RareState& cold() {
    if (!cold_) cold_ = std::make_unique<RareState>();
    return *cold_;
  }

  Callback<void(const Error&)> on_close_callback;
  std::unique_ptr<RareState> cold_;
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

void Stream::on_data(Callback<void(Bytes)> on_data) { state_->on_data(std::move(on_data)); }

void Stream::on_end(Callback<void()> on_end) {
  state_->replace(state_->cold().on_end, std::move(on_end));
}

void Stream::on_drained(Callback<void()> on_drained) {
  state_->replace(state_->cold().on_drained, std::move(on_drained));
}

void Stream::on_close(Callback<void(const Error&)> on_close) {
  state_->replace(state_->on_close_callback, std::move(on_close));
}

void Stream::secure(const TlsContext& context, std::string_view name) {
  state_->secure(context.state(), name);
}

void Stream::on_secured(Callback<void(const TlsInfo&)> on_secured) {
  state_->on_secured(std::move(on_secured));
}

const TlsInfo* Stream::tls_info() const { return state_->tls_info(); }

void Stream::on_connect(Callback<void()> on_connect) {
  state_->replace(state_->cold().on_connect, std::move(on_connect));
}

WriteStatus Stream::write(Bytes bytes) { return state_->write(bytes); }

WriteStatus Stream::write(std::span<const Bytes> parts) { return state_->write(parts); }

std::span<std::byte> Stream::reserve(std::size_t size) { return state_->reserve(size); }

WriteStatus Stream::write_status() const { return state_->write_status(); }

WriteStatus Stream::write_file(File file, std::uint64_t offset, std::uint64_t size) {
  return state_->write_file(std::move(file), offset, size);
}

WriteStatus Stream::write_descriptors(std::vector<Descriptor> descriptors, Bytes bytes) {
  return state_->write_descriptors(std::move(descriptors), bytes);
}

void Stream::receive_descriptors(std::size_t most_waiting) {
  state_->receive_descriptors(most_waiting);
}

Descriptor Stream::take_descriptor() { return state_->take_descriptor(); }

void Stream::shutdown() { state_->shutdown(); }

void Stream::close(Duration timeout) { state_->close(timeout); }

void Stream::close() { close(state_->limits().close_timeout); }

void Stream::fail(Error reason) { delivery().fail(std::move(reason)); }

void Stream::abort() { state_->abort(); }

void Stream::pause() { state_->pause(); }

void Stream::resume() { state_->resume(); }

std::size_t Stream::queued_bytes() const { return state_->queued(); }

void Stream::set_limits(const StreamLimits& limits) { set_limits(SharedLimits(limits)); }

void Stream::set_limits(const SharedLimits& limits) { state_->set_limits(limits); }

bool Stream::is_reading() const { return state_->reads(); }

bool Stream::peer_has_ended() const {
  return state_->is(State::end_is_near | State::ended | State::broken | State::closed);
}

bool Stream::has_input() const {
  if (peer_has_ended() || state_->is(State::undelivered)) return true;
  if (state_->filter() && state_->filter()->has_input()) return true;
  char byte = 0;
  return sys::recv(state_->connection().fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -EAGAIN;
}

void Stream::keep_loop_running(bool keep) {
  if (!state_->is(State::closed)) state_->keep_loop_running(keep);
}

void Stream::touch() { state_->touch(); }

Duration Stream::quiet_for() const { return std::chrono::nanoseconds(state_->quiet_for()); }

bool Stream::has_progressed() const { return state_->has_progressed(); }

void Stream::accept() {
  if (state_->is(State::accepted)) return;
  state_->set(State::accepted);
  AcceptObserver* const observer = state_->cold_ ? state_->cold_->observer : nullptr;
  if (observer) observer->on_accepted();
}

bool Stream::is_accepted() const { return state_->is(State::accepted); }

void Stream::observe_accept(AcceptObserver* observer) { state_->cold().observer = observer; }

Socket& Stream::socket() { return state_->connection().socket(); }

Stream::Sender Stream::sender() const { return Sender(state_->outbox()); }

Stream::Delivery Stream::delivery() const { return Delivery(state_.get()); }

bool Stream::Delivery::goes_on() const {
  // A broken connection continues: what the peer sent before must still be delivered.
  const State& state = *state_;
  return !state.retired() && state.connection().is_open() &&
         !state.is((State::not_reading & ~unsigned{State::broken}) | State::on_data_replaced);
}

bool Stream::Delivery::is_newly_secured() const {
  return !state_->retired() && state_->is(State::newly_secured);
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

void Stream::set_name(std::string_view name) { state_->set_name(std::string(name)); }

}  // namespace reactor
