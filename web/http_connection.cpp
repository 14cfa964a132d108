#include "web/http_connection.hpp"

#include <algorithm>
#include <utility>

#include "protocols/http/status.hpp"
#include "reactor/socket_option.hpp"

namespace web::inline v0 {

using protocols::http::RequestEvent;
using protocols::http::RequestHead;
using reactor::Use;
using reactor::WriteStatus;

namespace {

// Gathered before it is written.
constexpr std::size_t gathered_bytes = 64 * 1024;

// What the kernel may hold of a response for which the client has no room. Without this limit,
// thousands of clients that do not read could use up the kernel's memory for all of TCP. A unix
// socket has no such option and does not need it.
constexpr int unsent_bytes = 128 * 1024;

reactor::Error failed_request(std::errc code, std::string hint) {
  return {std::make_error_code(code), "serve", {}, std::move(hint)};
}

}  // namespace

HttpConnection::HttpConnection(reactor::Stream& stream, ServerContext& context)
    : context_lives_(context),
      context_(context),
      stream_(&stream),
      http_({context.options.limits, &context.always}),
      idle_timeout_(context.loop, context.options.idle_timeout, [this] { on_expired(); }),
      share_(context.share, [this] { serve(); }) {
  context.connections.fetch_add(1, std::memory_order_relaxed);
  if (context.leaving) close_after_response();
  (void)stream.socket().set(reactor::option::unsent_low_water, unsent_bytes);
}

HttpConnection::~HttpConnection() { context_.connections.fetch_sub(1, std::memory_order_relaxed); }

void HttpConnection::on_retired() noexcept {
  stream_ = nullptr;
  idle_timeout_.cancel();
  detach();
  if (const auto tunnel = std::exchange(tunnel_, nullptr)) tunnel->detach();
}

void HttpConnection::on_data(protocols::Bytes bytes) {
  received_ += bytes.size();
  if (passes_on()) return pass_on(bytes);
  tunnel_is_dry_ = false;
  http_.feed(bytes);
  serve();
}

// Nothing of the tunnel waits before what arrives now.
bool HttpConnection::passes_on() const {
  return tunnel_is_dry_ && tunnel_ && tunnel_->on_data && !tunnel_->paused && !full_ &&
         !owes_drained_ && !serving_ && is_open() && !share_.waits();
}

// As serve(), without a way through the decoder of HTTP.
void HttpConnection::pass_on(protocols::Bytes bytes) {
  const Use use(*this);
  serving_ = true;
  run_tunnel(&Tunnel::on_data, false, bytes);
  serving_ = false;
  if (stream_) {
    flush();
    update_wait();
  }
  throw_pending();
}

void HttpConnection::on_end() {
  client_ended_ = true;
  http_.finish();
  serve();
}

void HttpConnection::on_drained() {
  full_ = false;
  written_ = WriteStatus::sent;
  serve();
}

void HttpConnection::on_close(const reactor::Error& error) {
  const Use use(*this);
  closing_ = true;
  if (exchange_) end_exchange(error);
  if (tunnel_) {
    run_tunnel(&Tunnel::on_close, true, error);
    if (const auto tunnel = std::exchange(tunnel_, nullptr)) tunnel->detach();
  }
  throw_pending();
}

void HttpConnection::finish() {
  const Use use(*this);
  draining_ = true;
  http_.close_after_answer();
  if (tunnel_) {
    tunnel_->on_finish ? run_tunnel(&Tunnel::on_finish, true) : close();
  } else if (exchange_) {
    run(&Exchange::on_finish, true);
  }
  if (serving_ || !is_open()) return;
  flush();
  update_wait();
  throw_pending();
}

// Serves what has arrived while the client also reads.
void HttpConnection::serve() {
  if (serving_) return;
  const Use use(*this);
  serving_ = true;
  if (out_.capacity() == 0) std::swap(out_, context_.spare);
  context_.refresh_date();
  while (is_open() && !full_ && !thrown_ && share_.may_go_on() && step()) {
    if (out_.size() >= gathered_bytes) flush();
  }
  serving_ = false;
  if (stream_) {
    http_.copy_tail();
    if (thrown_ && is_open()) share_.wait();
    flush();
    update_wait();
  }
  throw_pending();
}

bool HttpConnection::step() {
  if (tunnel_) return step_tunnel();
  if (kept_size() > 0) return write_kept();
  if (exchange_ && owes_drained_) {
    owes_drained_ = false;
    run(&Exchange::on_drained, false);
    return true;
  }
  using Phase = protocols::http::ServerConnection::Phase;
  if (exchange_ && http_.phase() == Phase::body && !wants_body()) return false;
  const auto event = http_.next(out_);
  if (!event) return note_dry(), false;
  take(*event);
  return true;
}

void HttpConnection::note_dry() {
  using Phase = protocols::http::ServerConnection::Phase;
  const auto error = http_.error();
  if (error && !std::exchange(refused_, true)) {
    if (exchange_) {
      if (answer_ == Answer::none) line_.status = protocols::http::status_of(error);
      return end_exchange({error, "serve", {}, {}});
    }
    line_.status = protocols::http::status_of(error);
    log(error.message());
  } else if (exchange_ && http_.phase() == Phase::over) {
    end_exchange(
        failed_request(std::errc::connection_aborted, "the client ended its side in a request"));
  }
}

bool HttpConnection::step_tunnel() {
  if (owes_drained_) {
    owes_drained_ = false;
    run_tunnel(&Tunnel::on_drained, false);
    return true;
  }
  if (!tunnel_->on_data || tunnel_->paused) return false;
  if (const auto event = http_.next(out_)) {
    run_tunnel(&Tunnel::on_data, false, event->bytes);
    return true;
  }
  tunnel_is_dry_ = true;
  if (std::exchange(client_ended_, false)) {
    tunnel_->on_end ? run_tunnel(&Tunnel::on_end, true) : close();
  }
  return false;
}

bool HttpConnection::wants_body() const {
  if (collecting_) return true;
  return !exchange_->paused && (exchange_->on_data || exchange_->on_end);
}

void HttpConnection::take(const RequestEvent& event) {
  using Kind = RequestEvent::Kind;
  switch (event.kind) {
    case Kind::head:
      return begin_exchange(*event.head);
    case Kind::body:
      return collecting_ ? collect(event.bytes) : run(&Exchange::on_data, false, event.bytes);
    case Kind::end:
      return collecting_ ? end_collecting(event) : run(&Exchange::on_end, true);
    case Kind::tunnel:
      return;
  }
}

// Connections take turns with one buffer for most of what they send.
void HttpConnection::flush() {
  if (!out_.empty() && stream_) note(stream_->write(out_));
  out_.clear();
  if (serving_) return;
  if (out_.capacity() > context_.spare.capacity()) std::swap(out_, context_.spare);
  std::vector<std::byte>().swap(out_);
}

// A stream that is closed is full as well: a response without an end would be written for ever.
void HttpConnection::note(WriteStatus written) {
  written_ = written;
  full_ |= written == WriteStatus::above_high_water || written == WriteStatus::closed;
}

// ---- Time

// Decides what the connection waits for now, and for how long.
void HttpConnection::update_wait() {
  if (!is_open()) return;
  if (tunnel_) {
    idle_timeout_.cancel();
    return pause(tunnel_->paused || !tunnel_->on_data || share_.waits());
  }
  using Phase = protocols::http::ServerConnection::Phase;
  const Phase phase = http_.phase();
  if (share_.waits() && !full_) return pause(true);
  const bool handler_runs =
      exchange_ && (phase == Phase::answer || (phase == Phase::body && !wants_body()));
  if (full_ || handler_runs) {
    wait(Waits::reader);
  } else if (phase == Phase::over || (draining_ && phase == Phase::idle)) {
    return close();
  } else if (phase == Phase::idle) {
    wait(Waits::idle);
  } else {
    wait(phase == Phase::head ? Waits::head : Waits::body);
  }
  // Data that arrives during a response would have to be kept.
  pause(waits_ == Waits::reader);
}

void HttpConnection::pause(bool paused) {
  if (paused != paused_) paused ? stream_->pause() : stream_->resume();
  paused_ = paused;
}

void HttpConnection::wait(Waits what) {
  const bool new_request = std::exchange(new_request_, false);
  if (what == waits_ && !new_request) return;
  if (what == waits_ && what == Waits::idle) return idle_timeout_.touch();
  if (waits_ == Waits::first && what == Waits::idle && !new_request) return;
  if (new_request) stream_->accept();
  waits_ = what;
  if (what == Waits::reader) (void)reads_on();
  begin_period();
}

void HttpConnection::begin_period() {
  const HttpServerOptions& options = context_.options;
  received_before_ = received_;
  idle_timeout_.restart(waits_ == Waits::idle || waits_ == Waits::first ? options.idle_timeout
                        : waits_ == Waits::head                         ? options.head_timeout
                                                                        : options.stall_timeout);
}

// True if the client has received enough since the last call; empty if all is received. For a
// response that is sent bit by bit, what was on its way at the last call is enough.
std::optional<bool> HttpConnection::reads_on() {
  const auto now = tcp_progress(stream_->socket().fd());
  const TcpProgress before = std::exchange(sending_, now.value_or(TcpProgress{}));
  if (!now) return takes_output();
  const std::uint64_t read = now->acknowledged - before.acknowledged;
  return read >= std::min(context_.options.least_progress_bytes, before.unacknowledged);
}

// The same where the system does not report what is acknowledged, as for a unix socket: any byte is
// enough.
std::optional<bool> HttpConnection::takes_output() {
  const std::uint64_t waiting = stream_->queued_bytes() + unread_bytes(stream_->socket().fd());
  const std::uint64_t before = std::exchange(waiting_, waiting);
  return waiting == 0 ? std::nullopt : std::optional(waiting != before);
}

void HttpConnection::on_expired() {
  const Use use(*this);
  if (!is_open()) return;
  context_.refresh_date();
  if (share_.waits()) return begin_period();  // It waits for this server, not for the client.
  const auto reads = reads_on();
  switch (waits_) {
    case Waits::first:
      return close();
    case Waits::idle:
      // The client may still be reading the last response.
      return reads.value_or(false) ? begin_period() : close();
    case Waits::body:
      return received_ - received_before_ >= context_.options.least_progress_bytes ? begin_period()
                                                                                   : time_out();
    case Waits::head:
      return time_out();
    case Waits::reader:
      return reads.value_or(true) ? begin_period() : abort();
  }
}

void HttpConnection::time_out() {
  constexpr int request_timeout = 408;
  http_.refuse(out_, request_timeout);
  if (exchange_) {
    if (answer_ == Answer::none) line_.status = request_timeout;
    end_exchange(failed_request(std::errc::timed_out, "the body of the request did not arrive"));
  } else if (waits_ == Waits::head) {
    line_.status = request_timeout;
    log("the head of the request did not arrive in time");
  }
  flush();
  close();
  throw_pending();
}

void HttpConnection::close() {
  if (!is_open()) return;
  flush();
  closing_ = true;
  idle_timeout_.cancel();
  stream_->close(context_.options.stall_timeout);
}

void HttpConnection::abort() {
  if (!is_open()) return;
  closing_ = true;
  idle_timeout_.cancel();
  stream_->abort();
}

void HttpConnection::continue_later() {
  if (serving_ || !is_open()) return;
  flush();
  share_.wait();
  update_wait();
}

// ---- The end of an exchange

void HttpConnection::complete(std::string_view error) {
  detach();
  log(error);
  continue_later();
}

void HttpConnection::detach() {
  const auto exchange = std::exchange(exchange_, nullptr);
  collecting_.reset();
  std::string().swap(kept_);
  kept_offset_ = 0;
  trailers_.clear();
  owes_drained_ = may_upgrade_ = false;
  answer_ = Answer::none;
  if (exchange) exchange->detach();
}

void HttpConnection::end_exchange(const reactor::Error& error) {
  const auto exchange = exchange_;
  auto on_close = std::move(exchange->on_close);
  std::string text = error.message();
  detach();
  if (on_close) {
    try {
      on_close(error);
    } catch (const std::exception& thrown) {
      text = thrown.what();
    } catch (...) {
      text = "an exception of an unknown type";
    }
  }
  log(text);
}

void HttpConnection::log(std::string_view error) {
  if (context_.on_response) note_peer();
  const AccessLine line = std::exchange(line_, AccessLine{.peer = line_.peer});
  if (!context_.on_response || retired()) return;
  try {
    context_.on_response(
        {.peer = line.peer,
         .method = line.method,
         .target = line.target,
         .minor_version = line.minor_version,
         .status = line.status,
         .error = error,
         .took = line.method.empty() ? reactor::Duration{} : context_.loop.now() - line.began});
  } catch (...) {
    if (!thrown_) thrown_ = std::current_exception();
  }
}

void HttpConnection::note_peer() {
  if (!line_.peer.empty() || !stream_) return;
  const auto peer = stream_->socket().peer_address();
  line_.peer = peer ? peer->to_string() : "-";
}

void HttpConnection::throw_pending() {
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

}  // namespace web
