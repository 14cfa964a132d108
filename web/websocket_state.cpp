#include "web/websocket_state.hpp"

#include <utility>

#include "protocols/websocket/close.hpp"
#include "web/tcp_progress.hpp"

namespace web::inline v0 {

using protocols::websocket::Event;
using protocols::websocket::Role;
using reactor::Error;
using reactor::Use;
using reactor::WriteStatus;

namespace {

Error websocket_error(std::errc code, std::string hint) {
  return {std::make_error_code(code), "WebSocket", {}, std::move(hint)};
}

reactor::Duration half_of(reactor::Duration timeout) {
  if (timeout == reactor::Duration::max()) return timeout;
  return timeout / 2;
}

}  // namespace

// Its end is that of the connection, also without a report of it: the server was destroyed.
class WebSocketState::LastLink {
 public:
  explicit LastLink(std::shared_ptr<Link> link) : link_(std::move(link)) {}
  LastLink(LastLink&&) noexcept = default;
  LastLink& operator=(LastLink&&) = delete;
  ~LastLink() {
    if (link_ && link_->state) link_->state->release();
  }
  void operator()(const Error& error) const {
    if (link_->state) link_->state->end(error);
  }

 private:
  std::shared_ptr<Link> link_;
};

WebSocketState::WebSocketState(reactor::Loop& loop, Role role, const WebSocketOptions& options)
    : output(role, options),
      settings_{.role = role,
                .max_frame_bytes = options.max_message_bytes,
                .max_message_bytes = options.max_message_bytes,
                .in_pieces = options.in_pieces},
      idle_timeout_(loop, reactor::Duration::max(), [this] { on_idle(); }),
      late_(loop, [this] { on_late(); }),
      resume_(loop, [this] { deliver(); }),
      half_idle_(half_of(options.idle_timeout)),
      close_timeout_(options.close_timeout) {}

void WebSocketState::attach(WebSocketTransport transport) {
  transport_.emplace(std::move(transport));
  link_ = std::make_shared<Link>(Link{this});
  transport_->visit([link = link_](auto& connection) {
    connection.on_data([link](Bytes bytes) {
      if (link->state) link->state->read(bytes);
    });
    connection.on_end([link] {
      if (link->state) link->state->end_of_input();
    });
    connection.on_drained([link] {
      if (link->state) link->state->drain();
    });
    connection.on_close(LastLink(link));
    if constexpr (requires { connection.on_finish([] {}); }) {
      connection.on_finish([link] {
        if (link->state) (void)link->state->close(close_code::going_away, {});
      });
    }
  });
}

// ---- Opening

void WebSocketState::open_by(WebSocketOpening opening, reactor::Duration timeout) {
  auto request = opening.request();
  if (!request) return fail_to_open(request.error());
  opening_ = std::make_unique<WebSocketOpening>(std::move(opening));
  late_.restart(timeout);
  (void)transport_->write(*request);
}

void WebSocketState::fail_to_open(Error error) {
  end_.error = std::move(error);
  phase_ = Phase::finishing;
  transport_->abort();
}

void WebSocketState::open(const Deflate& deflate, std::string chosen) {
  late_.cancel();
  subprotocol = std::move(chosen);
  if (deflate) {
    inflater_ = make_inflater(
        is_server() ? deflate->client_max_window_bits : deflate->server_max_window_bits,
        is_server() ? deflate->client_no_context_takeover : deflate->server_no_context_takeover);
    settings_.inflater = inflater_.get();
  }
  decoder_.emplace(settings_);
  phase_ = Phase::open;
  idle_timeout_.restart(half_idle_);
  output.open(*transport_, deflate);
  if (output.is_full()) owes_drained_ = true;
}

// ---- Input

void WebSocketState::read(Bytes bytes) {
  const Use use(*this);
  if (phase_ == Phase::finishing || phase_ == Phase::ended) return;
  idle_timeout_.touch();
  pinged_ = false;
  std::vector<std::byte> rest;
  if (opening_) {
    const auto opened = opening_->read(bytes, rest);
    if (!opened) return fail_to_open(opened.error());
    if (!*opened) return;
    const auto opening = std::move(opening_);
    const bool closes = phase_ == Phase::closing;
    open(opening->deflate(), opening->subprotocol());
    if (closes) {
      phase_ = Phase::closing;
      late_.restart(close_timeout_);
    } else if (on_open) {
      on_open();
    }
    if (retired() || phase_ == Phase::ended) return;
    bytes = rest;
  }
  if (decoder_) decoder_->feed(bytes);
  deliver();
}

// A server reads nothing from a peer that does not read what it gets.
bool WebSocketState::may_deliver() const {
  if (phase_ == Phase::closing) return true;
  return phase_ == Phase::open && !paused_ && (!is_server() || !output.is_full());
}

void WebSocketState::deliver() {
  if (delivering_ || !decoder_) return;
  const Use use(*this);
  delivering_ = true;
  try {
    while (may_deliver()) {
      const auto event = decoder_->next();
      if (!event) break;
      take(*event);
      if (retired()) return;
    }
  } catch (...) {
    delivering_ = false;
    if (!retired() && decoder_) {
      decoder_->copy_tail();
      resume_.restart(reactor::Duration::zero());
    }
    throw;
  }
  delivering_ = false;
  if (phase_ == Phase::ended) return;
  if (phase_ != Phase::finishing && decoder_->error()) fail(decoder_->error());
  decoder_->copy_tail();
  if (!paused_) start();
}

void WebSocketState::start() {
  if (std::exchange(stopped_, false) && transport_) transport_->resume();
}

void WebSocketState::take(const Event& event) {
  switch (event.kind) {
    case Event::Kind::text:
    case Event::Kind::binary:
      if (phase_ == Phase::open && on_message) on_message(event);
      return;
    case Event::Kind::ping:
      return output.pong(event.data);
    case Event::Kind::pong:
      if (phase_ == Phase::open && on_pong) on_pong(event.data);
      return;
    case Event::Kind::close:
      return take_close(event);
  }
}

void WebSocketState::take_close(const Event& event) {
  end_.code = event.code;
  reason_ = event.text();
  const bool is_response = phase_ == Phase::closing;
  phase_ = Phase::finishing;
  if (!is_response) {
    output.drop_waiting();
    (void)output.close(event.code, {});
  }
  finish();
}

void WebSocketState::fail(const std::error_code& error) {
  const bool has_closed = phase_ == Phase::closing;
  phase_ = Phase::finishing;
  end_.code = protocols::websocket::close_code_of(error);
  end_.error = {error, "WebSocket", {}, "the peer broke the protocol"};
  if (end_.code == close_code::too_big) end_.error.hint = "the message is longer than allowed";
  if (!has_closed) {
    output.drop_waiting();
    (void)output.close(end_.code, {});
  }
  finish();
}

void WebSocketState::end_of_input() {
  const Use use(*this);
  if (phase_ != Phase::finishing && phase_ != Phase::ended) {
    end_.error = opening_ ? opening_->finish()
                          : websocket_error(std::errc::connection_aborted,
                                            "the peer ended the connection without a close frame");
    phase_ = Phase::finishing;
  }
  if (transport_) transport_->close(close_timeout_);
}

// ---- The end

WriteStatus WebSocketState::close(std::uint16_t code, std::string_view reason) {
  if (phase_ != Phase::open && phase_ != Phase::opening) return WriteStatus::closed;
  if (!output.close(code, reason)) return WriteStatus::refused;
  const bool was_open = phase_ == Phase::open;
  phase_ = Phase::closing;
  if (was_open) late_.restart(close_timeout_);
  start();
  // What has arrived meanwhile may contain the peer's close frame.
  if (!delivering_ && was_open) resume_.restart(reactor::Duration::zero());
  return WriteStatus::queued;
}

// The server ends the connection, and does not wait for the client to do so, too (RFC 6455 7.1.1).
void WebSocketState::finish() {
  late_.restart(close_timeout_);
  finish_if_sent();
}

void WebSocketState::finish_if_sent() {
  if (phase_ != Phase::finishing || !output.is_empty() || !transport_) return;
  if (!is_server() && !end_.error) return;
  transport_->close(close_timeout_);
  if (is_server()) end({});
}

void WebSocketState::abort() {
  if (phase_ == Phase::ended || !transport_) return;
  if (!end_.error)
    end_.error = websocket_error(std::errc::operation_canceled, "abort() was called");
  phase_ = Phase::finishing;
  transport_->abort();
}

void WebSocketState::end(const Error& error) {
  const Use use(*this);
  if (phase_ == Phase::ended) return;
  phase_ = Phase::ended;
  const bool closed_in_order = end_.code != close_code::abnormal;
  if (!closed_in_order && !end_.error) {
    end_.error = error ? error
                       : websocket_error(std::errc::connection_aborted,
                                         "the connection ended without a close frame");
  }
  end_.reason = reason_;
  idle_timeout_.cancel();
  late_.cancel();
  resume_.cancel();
  output.end();
  member.leave_all();
  struct Releases {
    ~Releases() { state.release(); }
    WebSocketState& state;
  } const releases{*this};
  if (on_close) on_close(end_);
}

// The callbacks may own the WebSocket.
void WebSocketState::release() {
  const Use use(*this);
  phase_ = Phase::ended;
  idle_timeout_.cancel();
  late_.cancel();
  resume_.cancel();
  output.end();
  member.leave_all();
  replace(on_open, {});
  replace(on_message, {});
  replace(on_pong, {});
  replace(on_drained, {});
  replace(on_close, {});
  if (auto released = std::exchange(on_released, {})) released();
}

void WebSocketState::on_retired() noexcept {
  phase_ = Phase::ended;
  if (link_) link_->state = nullptr;
  idle_timeout_.cancel();
  late_.cancel();
  resume_.cancel();
  output.end();
  member.leave_all();
  transport_.reset();
}

// ---- Output

WriteStatus WebSocketState::note(WriteStatus written) {
  if (written == WriteStatus::above_high_water) owes_drained_ = true;
  return written;
}

void WebSocketState::drain() {
  const Use use(*this);
  idle_timeout_.touch();
  pinged_ = false;
  output.on_drained();
  finish_if_sent();
  if (output.is_full()) return;
  if (std::exchange(owes_drained_, false) && on_drained && phase_ == Phase::open) on_drained();
  if (!retired()) deliver();
}

void WebSocketState::pause() {
  paused_ = true;
  if (!transport_ || phase_ != Phase::open) return;
  stopped_ = true;
  transport_->pause();
}

void WebSocketState::resume() {
  if (!std::exchange(paused_, false)) return;
  resume_.restart(reactor::Duration::zero());
}

// ---- Time

// Changes while the peer receives what was sent to it.
std::uint64_t WebSocketState::progress() {
  reactor::Stream* const below = stream();
  if (!below) return 0;
  const std::uint64_t taken = output.written_bytes() - below->queued_bytes();
  return taken + acknowledged_bytes(below->socket().fd()).value_or(0);
}

void WebSocketState::on_idle() {
  const Use use(*this);
  if (phase_ != Phase::open) return;
  const std::uint64_t before = std::exchange(progress_, progress());
  const bool is_alive = paused_ || (output.is_full() && progress_ != before);
  if (pinged_ && !is_alive) {
    end_.error = websocket_error(std::errc::timed_out, "nothing was received for the idle timeout");
    phase_ = Phase::finishing;
    return transport_->abort();
  }
  if (!output.is_full()) (void)output.ping({});
  pinged_ = !is_alive;
  idle_timeout_.restart(half_idle_);
}

void WebSocketState::on_late() {
  const Use use(*this);
  if (!transport_) return;
  if (end_.code == close_code::abnormal && !end_.error) {
    end_.error = websocket_error(
        std::errc::timed_out,
        opening_ ? "it was not opened in time" : "the peer did not respond to the close frame");
  }
  phase_ = Phase::finishing;
  transport_->abort();
}

}  // namespace web
