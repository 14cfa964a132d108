#include "web/fetch_state.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include "protocols/error.hpp"
#include "protocols/http/client_connection.hpp"
#include "protocols/http/syntax.hpp"
#include "web/redirect.hpp"

namespace web::inline v0 {

using protocols::DecodeError;
using protocols::http::equal_ignoring_case;
using reactor::Error;
using reactor::Use;
using reactor::WriteStatus;

namespace {

// A body that is streamed before there is a connection.
constexpr std::size_t pending_high_water_bytes = 64 * 1024;
constexpr std::size_t most_pending_bytes = 16 * 1024 * 1024;

// The body of a redirect that is read so that its connection can be used again.
constexpr std::uint64_t most_redirect_bytes = 256 * 1024;

constexpr std::size_t decoded_step_bytes = 16 * 1024;

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" ||
         method == "PUT" || method == "DELETE";
}

// What only the client may send.
bool is_sent_by_client(std::string_view name) {
  for (const char* own : {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade",
                          "Keep-Alive", "Proxy-Connection"}) {
    if (equal_ignoring_case(name, own)) return true;
  }
  return false;
}

bool has_field(const FetchRequest& request, std::string_view name) {
  for (const auto& field : request.fields) {
    if (equal_ignoring_case(field.first, name)) return true;
  }
  return false;
}

class FetchErrors final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "fetch"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<FetchErrc>(code)) {
      case FetchErrc::closed:
        return "the server closed the connection";
      case FetchErrc::bad_redirect:
        return "it is redirected to what is no http URL";
      case FetchErrc::too_many_redirects:
        return "too many redirects";
      case FetchErrc::proxy_refused:
        return "the proxy does not connect to the server";
      case FetchErrc::wrong_protocol:
        return "the server does not speak HTTP/1.1";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(FetchErrc error) {
  static const FetchErrors category;
  return {static_cast<int>(error), category};
}

FetchState::FetchState(reactor::Loop& loop, std::shared_ptr<const HttpClientOptions> options,
                       FetchRequest request, OnDone on_done)
    : loop_(loop),
      options_(std::move(options)),
      request_(std::move(request)),
      on_done_(std::move(on_done)) {}

// ---- Start and end

void FetchState::start(FetchPool& pool, std::uint64_t number) {
  number_ = number;
  if (Error error = check()) return fail_later(std::move(error));
  pool_ = &pool;
  const reactor::Duration most = request_.total_timeout.value_or(options_->total_timeout);
  if (most < reactor::Duration::max()) {
    total_.emplace(reactor::Timer::after(loop_, most, [this] {
      const Use use(*this);
      finish(reactor::system_error(ETIMEDOUT, "fetch", url_.text()));
    }));
  }
  pool.add(*this);
}

Error FetchState::invalid(std::string hint) const {
  // Not the text of a URL that was refused: it may contain a password, or the end of a line.
  return {make_error_code(std::errc::invalid_argument), "request",
          url_.host.empty() ? "URL" : url_.text(), std::move(hint)};
}

Error FetchState::check() {
  using protocols::http::all_of;
  for (char c : request_.url) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F)
      return invalid("it has a control character");
  }
  auto url = parse_url(request_.url, options_->to_ascii);
  if (!url) return invalid(url.error());
  url_ = std::move(*url);
  if (auto good = options_->check(); !good) return good.error();
  if (url_.secure && !options_->tls) return invalid("https needs HttpClientOptions::tls");
  if (request_.method.empty() || !all_of(request_.method, protocols::http::token_bytes)) {
    return invalid("the method is no token");
  }
  if (request_.method == "CONNECT") return invalid("CONNECT is for proxies: see HttpClientOptions");
  for (const auto& [name, value] : request_.fields) {
    if (name.empty() || !all_of(name, protocols::http::token_bytes)) {
      return invalid("the name of a field is no token");
    }
    if (is_sent_by_client(name)) return invalid("the client itself sends the field " + name);
    if (!protocols::http::is_sendable({name, value})) {
      return invalid("the field " + name + " has a control character");
    }
  }
  if (request_.streams_body && !request_.body.empty()) {
    return invalid("a body that is streamed and given");
  }
  return {};
}

void FetchState::fail_later(Error error) {
  give_up_connection();
  if (auto* const pool = std::exchange(pool_, nullptr)) pool->forget(*this);
  error_ = std::move(error);
  later_.emplace(reactor::Timer::after(loop_, {}, [this] { finish(); }));
}

void FetchState::lose_client() noexcept {
  pool_ = nullptr;
  leave();
  if (done_ || retired()) return;
  fail_later({make_error_code(std::errc::operation_canceled), "fetch", url_.text(),
              "the client is destroyed"});
}

void FetchState::finish(Error error) {
  if (done_) return;
  const Use use(*this);
  done_ = true;
  release();
  if (error_) error = std::move(error_);
  OnDone on_done = std::move(on_done_);
  replace(on_head_, {});
  replace(on_data_, {});
  replace(on_drained_, {});
  if (!on_done) return;
  if (error) return on_done(reactor::Failure(std::move(error)));
  on_done(std::move(response_));
}

void FetchState::give_up_connection() noexcept {
  auto* const connection = connection_;
  leave();
  if (connection) connection->abandon();
}

void FetchState::release() noexcept {
  give_up_connection();
  if (auto* const pool = std::exchange(pool_, nullptr)) pool->forget(*this);
  total_.reset();
  later_.reset();
}

void FetchState::on_retired() noexcept {
  done_ = true;
  release();
}

// ---- The request

std::string FetchState::begin() {
  sending_ = true;
  if (body_ended_ || !pending_.empty()) body_began_ = true;
  return std::exchange(pending_, {});
}

bool FetchState::requests_compressed() const {
  return options_->decompress && !ContentDecoder::accepted().empty() &&
         !has_field(request_, "Accept-Encoding") && !has_field(request_, "Range");
}

bool FetchState::is_repeatable() const {
  return is_idempotent(request_.method) && !(request_.streams_body && body_began_);
}

WriteStatus FetchState::write(Fetch::Bytes piece) {
  if (done_ || error_ || !request_.streams_body || body_ended_) return WriteStatus::closed;
  if (request_.body_size && piece.size() > *request_.body_size - written_bytes_) {
    return WriteStatus::refused;
  }
  if (piece.empty()) return WriteStatus::queued;
  WriteStatus status = WriteStatus::queued;
  if (sending_) {
    body_began_ = true;
    status = connection_->write_body(piece);
  } else {
    if (piece.size() > most_pending_bytes - pending_.size()) return WriteStatus::refused;
    pending_ += protocols::as_text(piece);
    if (pending_.size() > pending_high_water_bytes) status = WriteStatus::above_high_water;
  }
  written_bytes_ += piece.size();
  if (status == WriteStatus::above_high_water) owes_drained_ = true;
  return status;
}

void FetchState::end() {
  if (done_ || error_ || !request_.streams_body || body_ended_) return;
  if (request_.body_size && written_bytes_ < *request_.body_size) {
    return fail_later(invalid("the body is shorter than its body_size"));
  }
  body_ended_ = true;
  if (!sending_) return;
  body_began_ = true;
  connection_->end_body();
}

void FetchState::report_room() {
  if (!on_drained_ || body_ended_ || !std::exchange(owes_drained_, false)) return;
  const Use use(*this);
  on_drained_();
}

void FetchState::pause(bool paused) {
  if (done_ || std::exchange(paused_, paused) == paused || !sending_) return;
  paused ? connection_->pause() : connection_->resume();
}

void FetchState::expedite() {
  if (done_ || std::exchange(expedited_, true)) return;
  if (pool_) pool_->expedite(*this);
}

// ---- The response

void FetchState::fail(std::error_code code, std::string hint) {
  if (!error_) error_ = {code, "receive from", url_.endpoint, std::move(hint)};
}

void FetchState::take_head(const protocols::http::ResponseHead& head) {
  body_bytes_ = 0;
  const auto location = head.fields.find("Location");
  const bool repeats = keeps_method(head.status, request_) && request_.streams_body && body_began_;
  response_.status = head.status;
  if (options_->follow_redirects && is_redirect(head.status) && location && !location->empty() &&
      !repeats) {
    location_ = *location;
    return;
  }
  response_.url = url_.text();
  response_.fields.assign(head.fields);
  if (requests_compressed()) {
    if (const auto coding = head.fields.find("Content-Encoding")) {
      decoder_ = ContentDecoder::create(protocols::http::trim_blanks(*coding));
    }
  }
  const bool has_length = head.framing == protocols::http::Framing::length;
  const std::uint64_t length = has_length ? head.content_length : 0;
  const Use use(*this);
  if (on_head_) on_head_(response_);
  if (!done_ && !on_data_ && length > options_->max_body_bytes) {
    fail(DecodeError::body_too_large, "HttpClientOptions::max_body_bytes");
  }
}

void FetchState::take_body(protocols::Bytes piece) {
  if (is_redirected()) {
    body_bytes_ += piece.size();
  } else {
    decoder_ ? decode(piece) : deliver(piece);
  }
}

bool FetchState::has_enough() const { return is_redirected() && body_bytes_ > most_redirect_bytes; }

void FetchState::take_rest() {
  stopped_ = false;
  const std::string rest = std::exchange(rest_, {});
  decode(protocols::as_bytes(rest));
}

void FetchState::decode(protocols::Bytes piece) {
  const Use use(*this);
  std::array<std::byte, decoded_step_bytes> room;
  for (;;) {
    const ContentDecoder::Step step = decoder_->decode(piece, room);
    if (step.failed) return fail(DecodeError::bad_deflate, "the Content-Encoding of the response");
    piece = piece.subspan(step.consumed);
    if (step.produced > 0) deliver(std::span(room).first(step.produced));
    if (done_ || error_ || step.produced + step.consumed == 0) return;
    const bool has_more = !piece.empty() || step.produced == room.size();
    if (!has_more) return;
    if (paused_) {
      stopped_ = true;
      rest_ = protocols::as_text(piece);
      return;
    }
  }
}

void FetchState::deliver(protocols::Bytes piece) {
  const std::uint64_t most = on_data_ ? options_->limits.max_body_bytes : options_->max_body_bytes;
  if (piece.size() > most - std::min(most, body_bytes_)) {
    return fail(DecodeError::body_too_large, on_data_ ? "" : "HttpClientOptions::max_body_bytes");
  }
  body_bytes_ += piece.size();
  if (!on_data_) {
    response_.body += protocols::as_text(piece);
    return;
  }
  const Use use(*this);
  on_data_(piece);
}

void FetchState::take_end() {
  if (!is_redirected() && decoder_ && !decoder_->at_end()) {
    fail(DecodeError::bad_deflate, "the response ends inside its Content-Encoding");
  }
}

bool FetchState::follow() {
  const auto url = resolve(url_, std::exchange(location_, {}), options_->to_ascii);
  std::string problem = url ? "" : url.error();
  if (url && url->secure && !options_->tls) problem = "it begins with https:, and there is no TLS";
  if (!problem.empty()) {
    fail(FetchErrc::bad_redirect, std::move(problem));
  } else if (redirects_++ >= options_->max_redirects) {
    fail(FetchErrc::too_many_redirects);
  }
  if (error_ || !pool_) return false;
  redirect(request_, response_.status, url->origin() != url_.origin());
  if (request_.streams_body) {
    body_began_ = false;
  } else {
    pending_.clear();
  }
  url_ = *url;
  pool_->add(*this);
  return true;
}

// ---- The handle

void Fetch::on_head(reactor::Callback<void(const FetchResponse&)> on_head) {
  state_->set_on_head(std::move(on_head));
}
void Fetch::on_data(reactor::Callback<void(Bytes)> on_data) {
  state_->set_on_data(std::move(on_data));
}
void Fetch::on_drained(reactor::Callback<void()> on_drained) {
  state_->set_on_drained(std::move(on_drained));
}
void Fetch::pause() { state_->pause(true); }
void Fetch::resume() { state_->pause(false); }
WriteStatus Fetch::write(Bytes piece) { return state_->write(piece); }
void Fetch::end() { state_->end(); }
void Fetch::expedite() { state_->expedite(); }

}  // namespace web
