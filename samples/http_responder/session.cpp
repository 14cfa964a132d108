#include "samples/http_responder/session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "protocols/http/status.hpp"
#include "samples/http_responder/session_context.hpp"
#include "samples/support/network.hpp"

namespace responder {
namespace {

using protocols::http::RequestEvent;
using protocols::http::ServerConnection;
using reactor::WriteStatus;

std::chrono::nanoseconds seconds(double count) {
  return std::chrono::nanoseconds(std::llround(count * 1e9));
}

// Also true if the client has gone: a response without an end would be written for ever.
bool takes_no_more(WriteStatus written) {
  return written == WriteStatus::above_high_water || written == WriteStatus::closed;
}

ServerConnection connection_of(SessionContext& context) {
  protocols::http::Limits limits;
  limits.max_head_bytes = max_head_bytes;
  return ServerConnection({limits, &context.every_answer()});
}

}  // namespace

Session::Session(reactor::Stream& stream, SessionContext& context)
    : stream_(stream),
      context_(context),
      http_(connection_of(context)),
      idle_timeout_(context.loop, seconds(context.options.idle_timeout), [this] { on_expired(); }),
      share_(context.share, [this] { serve(); }) {
  context.figures.connections.fetch_add(1, std::memory_order_relaxed);
  // Without this limit, thousands of clients that do not read could use up the kernel's memory for
  // all of TCP. A unix socket has no such option and does not need it.
  (void)stream.socket().set(reactor::option::unsent_low_water, unsent_bytes);
}

Session::~Session() { context_.figures.connections.fetch_sub(1, std::memory_order_relaxed); }

void Session::on_data(protocols::Bytes bytes) {
  received_ += bytes.size();
  http_.feed(bytes);
  serve();
}

void Session::on_end() {
  http_.finish();
  serve();
}

void Session::on_drained() {
  full_ = false;
  serve();
}

void Session::finish() {
  draining_ = true;
  http_.close_after_answer();
  if (exchange_) exchange_->on_finish(*this);
  flush();
  update_wait();
}

// Serves what has arrived while the client also reads.
void Session::serve() {
  context_.refresh_date();
  while (!full_ && share_.may_go_on() && step()) {
    if (context_.out.size() >= write_bytes) flush();
  }
  if (full_ || share_.waits()) http_.copy_tail();
  flush();
  update_wait();
}

bool Session::step() {
  if (exchange_ && exchange_->write_more(*this)) return true;
  const auto event = http_.next(context_.out);
  if (!event) {
    if (http_.error() && !std::exchange(refused_, true)) {
      note(protocols::http::status_of(http_.error()));
    }
    return false;
  }
  take(*event);
  return true;
}

void Session::take(const RequestEvent& event) {
  using Kind = RequestEvent::Kind;
  switch (event.kind) {
    case Kind::head:
      new_request_ = true;
      exchange_.reset();
      context_.figures.requests.fetch_add(1, std::memory_order_relaxed);
      if (context_.options.log) {
        request_line_ = std::string(event.head->method) + " " + std::string(event.head->target) +
                        " HTTP/1." + std::to_string(event.head->minor_version);
      }
      return context_.handle(*this, *event.head);
    case Kind::body:
      if (exchange_) exchange_->on_body(*this, event.bytes);
      return;
    case Kind::end:
      if (exchange_) exchange_->on_request_end(*this);
      return;
    case Kind::tunnel:
      return;
  }
}

void Session::flush() {
  if (context_.out.empty()) return;
  full_ |= takes_no_more(stream_.write(context_.out));
  context_.out.clear();
}

samples::FairWork::Client Session::worker() {
  const auto peer = stream_.socket().peer_address();
  return {context_.work, peer ? samples::network_of(*peer) : "", &stream_};
}

// ---- Responses

void Session::answer(int status, Fields fields, std::string_view body) {
  note(status);
  http_.respond(context_.out, status, fields, protocols::as_bytes(body));
}

void Session::answer_error(int status, Fields fields) {
  const std::string text =
      std::to_string(status) + " " + std::string(protocols::http::reason_of(status)) + "\n";
  std::vector<protocols::http::Field> all(fields.begin(), fields.end());
  all.push_back({"Content-Type", "text/plain; charset=utf-8"});
  answer(status, all, text);
}

void Session::answer_file(int status, Fields fields, reactor::File file, std::uint64_t offset,
                          std::uint64_t size) {
  note(status);
  if (!http_.begin_response(context_.out, status, fields, size)) return;
  if (http_.sends_body() && size <= small_file_bytes) {
    std::byte bytes[small_file_bytes];
    const ssize_t got = pread(file.fd(), bytes, size, static_cast<off_t>(offset));
    // If the file has become shorter, end_response() ends the connection.
    http_.write_body(context_.out,
                     std::span(bytes).first(static_cast<std::size_t>(std::max<ssize_t>(got, 0))));
  } else if (http_.sends_body()) {
    http_.count_body(size);
    flush();
    full_ |= takes_no_more(stream_.write_file(std::move(file), offset, size));
  }
  http_.end_response(context_.out);
}

void Session::begin_answer(int status, Fields fields) {
  note(status);
  http_.begin_response(context_.out, status, fields);
}

void Session::write_body(std::string_view piece) {
  http_.write_body(context_.out, protocols::as_bytes(piece));
}

void Session::end_answer() { http_.end_response(context_.out); }

void Session::note(int status) {
  if (!context_.options.log) return;
  const auto peer = stream_.socket().peer_address();
  std::string line = request_line_;
  for (char& c : line) {
    if (c == '"') c = '\'';
  }
  std::fprintf(stderr, "%s \"%s\" %d\n", peer ? peer->to_string().c_str() : "-", line.c_str(),
               status);
  request_line_.clear();
}

// ---- Time

// Decides what the connection waits for now, and for how long.
void Session::update_wait() {
  using Phase = ServerConnection::Phase;
  const Phase phase = http_.phase();
  if (share_.waits() && !full_) return pause(true);
  if (full_ || (phase == Phase::answer && exchange_)) {
    wait(Waits::reader);
  } else if (phase == Phase::over || (draining_ && phase == Phase::idle)) {
    return close();
  } else if (phase == Phase::idle) {
    exchange_.reset();  // Frees all that it holds.
    wait(Waits::idle);
  } else {
    wait(phase == Phase::head ? Waits::head : Waits::body);
  }
  // Data that arrives during a response would have to be kept.
  pause(waits_ == Waits::reader);
}

void Session::pause(bool paused) {
  if (paused != paused_) paused ? stream_.pause() : stream_.resume();
  paused_ = paused;
}

void Session::wait(Waits what) {
  const bool new_request = std::exchange(new_request_, false);
  if (what == waits_ && !new_request) return;
  if (what == waits_ && what == Waits::idle) return idle_timeout_.touch();
  if (waits_ == Waits::first && what == Waits::idle && !new_request) return;
  if (new_request) stream_.accept();
  waits_ = what;
  if (what == Waits::reader) (void)reads_on();
  begin_period();
}

void Session::begin_period() {
  const Options& options = context_.options;
  received_before_ = received_;
  idle_timeout_.restart(seconds(waits_ == Waits::idle   ? options.idle_timeout
                                : waits_ == Waits::head ? options.head_timeout
                                                        : options.stall_timeout));
}

// True if the client has received enough since the last call; empty if all is received. For a
// response that is sent bit by bit, what was on its way at the last call is enough.
std::optional<bool> Session::reads_on() {
  const auto now = web::tcp_progress(stream_.socket().fd());
  const web::TcpProgress before = std::exchange(sending_, now.value_or(samples::TcpProgress{}));
  if (!now) return std::nullopt;
  const std::uint64_t read = now->acknowledged - before.acknowledged;
  return read >= std::min(least_progress_bytes, before.unacknowledged);
}

void Session::on_expired() {
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
      return received_ - received_before_ >= least_progress_bytes ? begin_period() : refuse();
    case Waits::head:
      return refuse();
    case Waits::reader:
      return reads.value_or(true) ? begin_period() : stream_.abort();
  }
}

void Session::refuse() {
  http_.refuse(context_.out, 408);
  note(408);
  flush();
  close();
}

void Session::close() {
  idle_timeout_.cancel();
  stream_.close(std::chrono::duration_cast<std::chrono::milliseconds>(
      seconds(context_.options.stall_timeout)));
}

}  // namespace responder
