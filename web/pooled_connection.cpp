#include "web/pooled_connection.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "protocols/http/message.hpp"
#include "protocols/http/status.hpp"
#include "web/content_decoder.hpp"

namespace web::inline v0 {

using protocols::Bytes;
using protocols::http::Field;
using protocols::http::ResponseEvent;
using protocols::http::ResponseHead;
using reactor::Duration;
using reactor::Error;
using reactor::Stream;
using reactor::Use;
using reactor::WriteStatus;

namespace {

constexpr std::size_t body_piece_bytes = 64 * 1024;

Stream connect(reactor::Loop& loop, const HttpClientOptions& options, const Url& url, bool proxied,
               std::vector<reactor::Address> addresses) {
  if (proxied) return Stream::connect(loop, options.proxy, options.connect);
  if (addresses.empty()) return Stream::connect(loop, url.endpoint, options.connect);
  return Stream::connect(loop, std::move(addresses), options.connect);
}

// The time for which a server promises to keep the connection, less a second for the way there.
Duration announced_timeout(const ResponseHead& head) {
  constexpr std::string_view name = "timeout=";
  const std::string_view text = head.fields.find("Keep-Alive").value_or("");
  const std::size_t begin = text.find(name);
  if (begin == text.npos) return Duration::max();
  std::int64_t seconds = 0;
  const char* const first = text.data() + begin + name.size();
  if (std::from_chars(first, text.data() + text.size(), seconds).ec != std::errc{}) {
    return Duration::max();
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds - 1, 0, 1 << 30));
}

}  // namespace

PooledConnection::PooledConnection(reactor::Loop& loop, ConnectionOwner& owner,
                                   std::shared_ptr<const HttpClientOptions> options, const Url& url,
                                   std::vector<reactor::Address> addresses)
    : loop_(loop),
      owner_(owner),
      options_(std::move(options)),
      url_(url),
      proxied_(options_->uses_proxy(url)),
      stream_(connect(loop, *options_, url, proxied_, std::move(addresses))),
      timeout_(loop, Duration::max(), [this] { time_out(); }),
      idle_timeout_(options_->idle_timeout) {
  stream_->set_limits({.stall_timeout = options_->stall_timeout});
  stream_->on_connect([this] { connected(); });
  stream_->on_secured([this](const reactor::TlsInfo& info) { secured(info); });
  stream_->on_data([this](Bytes bytes) { receive(bytes); });
  stream_->on_end([this] { receive_end(); });
  stream_->on_drained([this] { drained(); });
  stream_->on_close([this](const Error& error) { closed(error); });
  if (url.secure && !proxied_) secure();
}

void PooledConnection::on_retired() noexcept {
  // A server takes the end of a TLS connection without close_notify for an error.
  if (is_idle() && url_.secure) stream_->shutdown();
  fetch_ = nullptr;
  open_ = false;
  later_.reset();
  timeout_.cancel();
  stream_.reset();
}

// ---- Establishing

void PooledConnection::secure() { stream_->secure(*options_->tls, url_.name()); }

void PooledConnection::connected() {
  const Use use(*this);
  if (const auto peer = stream_->socket().peer_address()) owner_.on_connected(*this, *peer);
  if (!url_.secure) {
    open_ = true;
    http_.emplace(url_.host, options_->limits);
    start_request();
  } else if (proxied_) {
    begin_tunnel();
  }
}

void PooledConnection::secured(const reactor::TlsInfo& info) {
  const Use use(*this);
  if (!info.alpn.empty() && info.alpn != "http/1.1") {
    return give_up({FetchErrc::wrong_protocol, "connect", url_.endpoint, info.alpn});
  }
  open_ = true;
  http_.emplace(url_.host, options_->limits);
  start_request();
}

void PooledConnection::begin_tunnel() {
  tunnels_ = true;
  http_.emplace(url_.endpoint, options_->limits);
  std::vector<Field> fields;
  if (!options_->proxy_authorization.empty()) {
    fields.push_back({"Proxy-Authorization", options_->proxy_authorization});
  }
  std::vector<std::byte> out;
  if (!http_->request(out, "CONNECT", url_.endpoint, fields)) {
    return give_up(reactor::system_error(EINVAL, "connect through", options_->proxy));
  }
  timeout_.restart(options_->response_timeout);
  stream_->write(out);
}

void PooledConnection::take_tunnel_events() {
  bool is_made = false;
  while (const auto event = http_->next()) {
    // The proxy must be silent until the handshake: whatever it sends is not the server's.
    if (event->kind == ResponseEvent::Kind::tunnel) {
      return give_up({FetchErrc::proxy_refused, "connect through", options_->proxy,
                      "it has sent something in clear"});
    }
    if (event->kind == ResponseEvent::Kind::end && is_made) tunnels_ = false;
    if (event->kind != ResponseEvent::Kind::head || event->head->informational()) continue;
    const int status = event->head->status;
    is_made = status / 100 == 2;
    if (!is_made) {
      return give_up(
          {FetchErrc::proxy_refused, "connect through", options_->proxy,
           std::to_string(status) + " " + std::string(protocols::http::reason_of(status))});
    }
  }
  if (http_->error()) return give_up({http_->error(), "connect through", options_->proxy, {}});
  if (http_->should_close())
    return give_up({FetchErrc::closed, "connect through", options_->proxy, {}});
  if (tunnels_) return;
  timeout_.cancel();
  http_.reset();
  secure();
}

// ---- The request

void PooledConnection::assign(FetchState& fetch) {
  fetch_ = &fetch;
  fetch.attach(*this);
  stream_->keep_loop_running(true);
  if (!open_) return;
  reused_ = true;
  start_request();
}

std::vector<Field> PooledConnection::fields_of(const FetchRequest& request) const {
  std::vector<Field> fields;
  bool has_agent = options_->user_agent.empty();
  for (const auto& [name, value] : request.fields) {
    fields.push_back({name, value});
    has_agent = has_agent || protocols::http::equal_ignoring_case(name, "User-Agent");
  }
  if (!has_agent) fields.push_back({"User-Agent", options_->user_agent});
  if (fetch_->requests_compressed()) {
    fields.push_back({"Accept-Encoding", ContentDecoder::accepted()});
  }
  if (proxied_ && !url_.secure && !options_->proxy_authorization.empty()) {
    fields.push_back({"Proxy-Authorization", options_->proxy_authorization});
  }
  return fields;
}

// Does not call back: a client starts requests while its functions run.
void PooledConnection::start_request() {
  const FetchRequest& request = fetch_->request();
  const std::string absolute = proxied_ && !url_.secure ? fetch_->url().text() : "";
  const auto length = request.streams_body ? request.body_size : request.body.size();
  received_ = has_head_ = informs_ = false;
  body_sent_ = 0;
  std::vector<std::byte> out;
  if (!http_->begin_request(out, request.method, absolute.empty() ? fetch_->url().target : absolute,
                            fields_of(request), length)) {
    return fetch_->fail_later(reactor::system_error(EINVAL, "request", fetch_->url().text()));
  }
  body_open_ = true;
  timeout_.cancel();
  const std::string pending = fetch_->begin();
  if (fetch_->is_paused()) stream_->pause();
  if (request.streams_body) {
    http_->write_body(out, protocols::as_bytes(pending));
    send(out);
    if (fetch_->body_ended()) {
      end_body();
    } else if (fetch_->owes_drained() && !full_) {
      continue_later();
    }
  } else if (request.body.size() <= body_piece_bytes) {
    http_->write_body(out, protocols::as_bytes(request.body));
    body_open_ = false;
    (void)http_->end_request(out);
    send(out);
    wait_for_response();
  } else {
    send(out);
    send_body();
  }
}

void PooledConnection::send(const std::vector<std::byte>& bytes) {
  if (stream_->write(bytes) == WriteStatus::above_high_water) full_ = true;
}

void PooledConnection::send_body() {
  const std::string_view body = fetch_->request().body;
  std::vector<std::byte> out;
  while (body_open_ && !full_) {
    out.clear();
    const std::string_view piece = body.substr(body_sent_, body_piece_bytes);
    http_->write_body(out, protocols::as_bytes(piece));
    body_sent_ += piece.size();
    if (body_sent_ == body.size()) {
      body_open_ = false;
      (void)http_->end_request(out);
    }
    send(out);
  }
  if (!body_open_) wait_for_response();
}

WriteStatus PooledConnection::write_body(Fetch::Bytes piece) {
  if (!body_open_) return WriteStatus::closed;
  std::vector<std::byte> out;
  http_->write_body(out, piece);
  const WriteStatus status = stream_->write(out);
  if (status == WriteStatus::above_high_water) full_ = true;
  return status;
}

void PooledConnection::end_body() {
  if (!std::exchange(body_open_, false)) return;
  std::vector<std::byte> out;
  (void)http_->end_request(out);
  send(out);
  wait_for_response();
}

void PooledConnection::wait_for_response() {
  if (!has_head_ && !fetch_->is_paused()) timeout_.restart(options_->response_timeout);
}

void PooledConnection::drained() {
  const Use use(*this);
  full_ = false;
  if (!fetch_ || !body_open_) return;
  fetch_->request().streams_body ? fetch_->report_room() : send_body();
}

// ---- The response

void PooledConnection::receive(Bytes bytes) {
  const Use use(*this);
  received_ = true;
  http_->feed(bytes);
  tunnels_ ? take_tunnel_events() : take_events();
}

void PooledConnection::receive_end() {
  const Use use(*this);
  if (!http_) return give_up({FetchErrc::closed, "connect", url_.endpoint, {}});
  http_->finish();
  tunnels_ ? take_tunnel_events() : take_events();
}

void PooledConnection::take_events() {
  const Use use(*this);
  struct Tail {  // Also if a callback throws: the bytes are valid until this returns.
    ~Tail() {
      if (connection.retired()) return;
      connection.http_->copy_tail();
      if (!ended) connection.continue_later();
    }
    PooledConnection& connection;
    bool ended = false;
  } tail{*this};
  bool goes_on = true;
  while (goes_on && fetch_ && !fetch_->is_paused()) {
    if (fetch_->has_rest()) {
      fetch_->take_rest();
      goes_on = this->goes_on();
    } else if (const auto event = http_->next()) {
      goes_on = take(*event);
    } else {
      break;
    }
  }
  tail.ended = true;
  if (!goes_on || (fetch_ && fetch_->is_paused())) return;
  if (!fetch_) (void)http_->next();  // Finds what was sent without a request.
  if (http_->error()) return give_up({http_->error(), "receive from", url_.endpoint, {}});
  if (http_->should_close()) {
    end_without_response({FetchErrc::closed, "receive from", url_.endpoint, {}});
  }
}

// The functions that take a part of a response return false if the fetch or the connection is over.
bool PooledConnection::take(const ResponseEvent& event) {
  using Kind = ResponseEvent::Kind;
  switch (event.kind) {
    case Kind::head:
      return take_head(*event.head);
    case Kind::body:
      if (!fetch_->is_redirected()) timeout_.touch();
      fetch_->take_body(event.bytes);
      if (!goes_on()) return false;
      if (!fetch_->has_enough()) return true;
      complete();
      return false;
    case Kind::end:
      if (std::exchange(informs_, false)) return true;
      complete();
      return false;
    default:
      return true;
  }
}

bool PooledConnection::take_head(const ResponseHead& head) {
  informs_ = head.informational();
  if (informs_) return true;
  // A server that has closed an idle connection may send this status. It responds to no request
  // (RFC 9110 15.5.9).
  if (reused_ && head.status == 408 && fetch_->is_repeatable()) {
    repeat();
    return false;
  }
  has_head_ = true;
  idle_timeout_ = std::min<Duration>(options_->idle_timeout, announced_timeout(head));
  fetch_->take_head(head);
  if (!goes_on()) return false;
  if (!fetch_->is_redirected() && !fetch_->is_paused()) timeout_.restart(options_->stall_timeout);
  return true;
}

bool PooledConnection::goes_on() {
  if (!fetch_) return false;
  if (!fetch_->error()) return true;
  give_up({});
  return false;
}

void PooledConnection::complete() {
  const Use use(*this);
  ConnectionOwner& owner = owner_;
  FetchState& fetch = *std::exchange(fetch_, nullptr);
  fetch.leave();
  fetch.take_end();
  (void)http_->next();  // Finds what follows the response.
  if (http_->can_request() && !http_->error() && http_->unanswered() == 0 &&
      idle_timeout_ > Duration()) {
    become_idle();
  } else {
    owner.remove(*this);
  }
  const bool follows = fetch.is_redirected() && fetch.follow();
  owner.serve();
  if (!follows) fetch.finish();
}

void PooledConnection::become_idle() {
  timeout_.restart(idle_timeout_);
  stream_->keep_loop_running(false);
  stream_->resume();
}

// ---- Pauses

void PooledConnection::pause() {
  timeout_.cancel();
  stream_->pause();
  owner_.serve();
}

void PooledConnection::resume() {
  stream_->resume();
  if (has_head_) {
    timeout_.restart(options_->stall_timeout);
  } else if (!body_open_) {
    timeout_.restart(options_->response_timeout);
  }
  continue_later();
}

void PooledConnection::continue_later() {
  if (!later_) {
    later_.emplace(loop_, [this] {
      const Use use(*this);
      if (fetch_ && body_open_ && !full_) fetch_->report_room();
      if (!retired() && http_) take_events();
    });
  }
  later_->restart({});
}

// ---- The end

void PooledConnection::time_out() {
  const Use use(*this);
  if (is_idle()) return give_up({});
  const bool by_proxy = tunnels_;
  give_up(reactor::system_error(ETIMEDOUT, by_proxy ? "connect through" : "receive from",
                                by_proxy ? options_->proxy : url_.endpoint));
}

void PooledConnection::closed(const Error& error) {
  const Use use(*this);
  end_without_response(error ? error : Error{FetchErrc::closed, "receive from", url_.endpoint, {}});
}

void PooledConnection::abandon() noexcept {
  const Use use(*this);
  fetch_ = nullptr;
  owner_.serve_later();
  owner_.remove(*this);
}

// The server may have closed while the request was on its way.
bool PooledConnection::may_repeat() const {
  return fetch_ && reused_ && !received_ && fetch_->is_repeatable();
}

void PooledConnection::repeat() {
  const Use use(*this);
  ConnectionOwner& owner = owner_;
  FetchState& fetch = *std::exchange(fetch_, nullptr);
  fetch.leave();
  owner.remove(*this);
  owner.repeat(fetch);
}

void PooledConnection::end_without_response(Error error) {
  may_repeat() ? repeat() : give_up(std::move(error));
}

void PooledConnection::give_up(Error error) {
  const Use use(*this);
  ConnectionOwner& owner = owner_;
  FetchState* const fetch = std::exchange(fetch_, nullptr);
  if (fetch) fetch->leave();
  owner.remove(*this);
  owner.serve();
  if (fetch) fetch->finish(std::move(error));
}

}  // namespace web
