#include "protocols/http/server_connection.hpp"

#include <algorithm>
#include <cassert>
#include <string>

#include "protocols/http/status.hpp"

namespace protocols::inline v0::http {

using namespace std::string_view_literals;

namespace {

// An unread body of at most this size is read and discarded, to keep the connection.
constexpr std::uint64_t max_passed_over_bytes = 64 * 1024;

// A body of at most this size is written together with its head.
constexpr std::size_t max_body_with_head_bytes = 4096;

void append(std::vector<std::byte>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

std::optional<RequestEvent> ServerConnection::next(std::vector<std::byte>& out) {
  using Kind = RequestEvent::Kind;
  for (;;) {
    if (over_) return std::nullopt;
    if (request_ == Request::whole && !switched_ && !begin_next_request()) {
      decoder_.copy_tail();
      return std::nullopt;
    }
    if (facts_.awaits_continue && answer_ == Answer::none) {
      facts_.awaits_continue = false;
      append(out, as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    const std::optional<RequestEvent> event = decoder_.next();
    if (!event) return run_dry(out);
    if (event->kind == Kind::head) take_head(*event->head);
    if (event->kind == Kind::end) request_ = Request::whole;
    if (answer_ != Answer::complete || switched_) return event;
  }
}

void ServerConnection::take_head(const RequestHead& head) {
  request_ = Request::begun;
  const bool chunked = head.framing == Framing::chunked;
  const bool connect = head.method == "CONNECT";
  facts_ = {.head = head.method == "HEAD",
            .connect = connect,
            .upgrade = connect || !head.upgrade.empty(),
            .http_1_0 = head.minor_version == 0,
            .awaits_continue = head.expects_continue && (chunked || head.content_length > 0),
            .little_to_read = !chunked && head.content_length <= max_passed_over_bytes};
  last_ = close_ || !head.keep_alive || connect;
}

// Returns false while the response to the last request is not complete.
bool ServerConnection::begin_next_request() {
  if (answer_ != Answer::complete) return false;
  if (decoder_.protocol().tunnels()) decoder_.protocol().decline_upgrade();
  request_ = Request::none;
  answer_ = Answer::none;
  facts_ = {};
  return true;
}

std::nullopt_t ServerConnection::run_dry(std::vector<std::byte>& out) {
  if (decoder_.error()) {
    refuse(out, status_of(decoder_.error()));
  } else if (ended_) {
    over_ = true;
  }
  return std::nullopt;
}

bool ServerConnection::respond(std::vector<std::byte>& out, int status, FieldList fields,
                               Bytes body) {
  if (!can_answer()) return false;
  // A large body is appended separately, so that memory for it is reserved only once.
  const bool together = body.size() <= max_body_with_head_bytes;
  if (status < 200 || !write_head(out, status, fields, body.size(), together ? body : Bytes())) {
    return fail(out);
  }
  if (!together && has_body_) append(out, body);
  complete_answer();
  return true;
}

bool ServerConnection::can_answer() const {
  const bool can = request_ != Request::none && answer_ == Answer::none;
  assert(can && "there is nothing to be answered");
  return can;
}

bool ServerConnection::begin_response(std::vector<std::byte>& out, int status, FieldList fields,
                                      std::optional<std::uint64_t> length) {
  if (!can_answer()) return false;
  if (status < 200 || !write_head(out, status, fields, length)) return fail(out);
  left_ = has_body_ ? length.value_or(0) : 0;
  answer_ = Answer::begun;
  return true;
}

// Responds to a request for which the program's response cannot be sent.
[[gnu::cold]] bool ServerConnection::fail(std::vector<std::byte>& out) {
  write_head(out, 500, {}, 0);
  complete_answer();
  return false;
}

inline bool ServerConnection::write_head(std::vector<std::byte>& out, int status, FieldList fields,
                                         std::optional<std::uint64_t> length, Bytes body) {
  const bool may_have_body = status != 204 && status != 304;
  Framing framing = Framing::none;
  if (may_have_body) {
    framing = length ? Framing::length : facts_.http_1_0 ? Framing::close : Framing::chunked;
  }
  const bool last = last_ || close_ || framing == Framing::close || !passes_over_rest();

  const bool has_body = may_have_body && !facts_.head;
  if (!append_response(out, {.status = status,
                             .always = with_every_answer_,
                             .fields = fields,
                             .connection = last              ? "close"sv
                                           : facts_.http_1_0 ? "keep-alive"sv
                                                             : ""sv,
                             .framing = framing,
                             .length = length.value_or(0),
                             .body = has_body ? body : Bytes()})) {
    return false;
  }
  last_ = last;
  framing_ = framing;
  has_body_ = has_body;
  return true;
}

// Otherwise the rest of the request would be taken for the next request.
bool ServerConnection::passes_over_rest() const {
  return request_ == Request::whole || (facts_.little_to_read && !facts_.awaits_continue);
}

void ServerConnection::write_body(std::vector<std::byte>& out, Bytes piece) {
  if (!sends_body()) return;
  if (framing_ == Framing::chunked) return append_chunk(out, piece);
  if (framing_ == Framing::length) {
    assert(piece.size() <= left_ && "a body longer than announced");
    piece = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), left_)));
    left_ -= piece.size();
  }
  append(out, piece);
}

void ServerConnection::count_body(std::uint64_t size) {
  assert(sends_body() && size <= left_ && "a body longer than announced");
  left_ -= std::min(size, left_);
}

bool ServerConnection::end_response(std::vector<std::byte>& out, FieldList trailers) {
  if (answer_ != Answer::begun) return false;
  bool whole = left_ == 0;
  if (has_body_ && framing_ == Framing::chunked) {
    HeadEncoder end = HeadEncoder::trailers(out);
    end.add_all(trailers);
    whole = end.end();
  }
  if (!whole) last_ = true;
  complete_answer();
  return whole;
}

void ServerConnection::complete_answer() {
  answer_ = Answer::complete;
  if (last_) over_ = true;
}

bool ServerConnection::write_informational(std::vector<std::byte>& out, int status,
                                           FieldList fields) {
  assert(request_ != Request::none && answer_ == Answer::none && "too late, or too early");
  assert(status >= 102 && status < 200);
  if (facts_.http_1_0) return true;
  HeadEncoder head = HeadEncoder::response(out, status);
  head.add_all(fields);
  return head.end() || fail(out);
}

bool ServerConnection::switch_protocol(std::vector<std::byte>& out, std::string_view protocol,
                                       FieldList fields) {
  assert(facts_.upgrade && request_ == Request::whole && answer_ == Answer::none);
  HeadEncoder head = HeadEncoder::response(out, facts_.connect ? 200 : 101);
  if (with_every_answer_) head.add_lines(*with_every_answer_);
  head.add_all(fields);
  if (!facts_.connect) head.add_all({{"Upgrade", protocol}});
  head.add_connection({});
  if (!head.end()) return fail(out);
  answer_ = Answer::complete;
  switched_ = true;
  return true;
}

void ServerConnection::refuse(std::vector<std::byte>& out, int status) {
  close_ = true;
  if (answer_ == Answer::none && !over_) {
    request_ = Request::begun;  // Also if nothing of the request could be read.
    const std::string text = std::to_string(status) + " " + std::string(reason_of(status)) + "\n";
    respond(out, status, {{"Content-Type", "text/plain"}}, as_bytes(text));
  }
  over_ = true;
}

ServerConnection::Phase ServerConnection::phase() const {
  if (over_) return Phase::over;
  if (request_ == Request::begun) return Phase::body;
  if (request_ == Request::whole && answer_ != Answer::complete) return Phase::answer;
  return decoder_.at_boundary() ? Phase::idle : Phase::head;
}

}  // namespace protocols::http
