#include "protocols/http/client_connection.hpp"

#include <algorithm>
#include <cassert>

namespace protocols::inline v0::http {
namespace {

// For these methods an empty body must be announced too (RFC 9110 8.6).
bool expects_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

bool has_upgrade(FieldList fields) {
  if (fields.lines()) return fields.lines()->upgrades();
  return std::any_of(fields.begin(), fields.end(),
                     [](const Field& field) { return equal_ignoring_case(field.name, "Upgrade"); });
}

}  // namespace

bool ClientConnection::request(std::vector<std::byte>& out, std::string_view method,
                               std::string_view target, FieldList fields, Bytes body) {
  if (!begin_request(out, method, target, fields, body.size())) return false;
  write_body(out, body);
  return end_request(out);
}

bool ClientConnection::begin_request(std::vector<std::byte>& out, std::string_view method,
                                     std::string_view target, FieldList fields,
                                     std::optional<std::uint64_t> length) {
  assert(can_request() && "a request where none can follow");
  if (!can_request()) return false;
  HeadEncoder head = HeadEncoder::request(out, method, target);
  head.add({"Host", host_});
  head.add_all(fields);
  head.add_connection(close_ ? "close" : "");
  if (!length) head.add({"Transfer-Encoding", "chunked"});
  if (length && (*length > 0 || expects_body(method))) head.add_content_length(*length);
  if (!head.end()) return false;

  decoder_.protocol().expect(method);
  ++unanswered_;
  begun_ = true;
  left_ = length;
  last_ = close_;
  tunnels_ = method == "CONNECT" || has_upgrade(fields);
  return true;
}

void ClientConnection::write_body(std::vector<std::byte>& out, Bytes piece) {
  assert(begun_ && "there is no request to send a body of");
  if (!begun_) return;
  if (!left_) return append_chunk(out, piece);
  assert(piece.size() <= *left_ && "a body longer than announced");
  piece = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), *left_)));
  *left_ -= piece.size();
  out.insert(out.end(), piece.begin(), piece.end());
}

bool ClientConnection::end_request(std::vector<std::byte>& out, FieldList trailers) {
  assert(begun_ && "there is no request to end");
  if (!begun_) return false;
  begun_ = false;
  bool whole = left_ == std::uint64_t{0};
  if (!left_) {
    HeadEncoder end = HeadEncoder::trailers(out);
    end.add_all(trailers);
    whole = end.end();
  }
  if (!whole) over_ = true;
  return whole;
}

std::optional<ResponseEvent> ClientConnection::next() {
  if (over_ || error_) return std::nullopt;
  if (unanswered_ == 0 && !decoder_.protocol().tunnels()) {
    if (!decoder_.at_boundary()) return fail(DecodeError::unsolicited_response);
    if (ended_) over_ = true;
    return std::nullopt;
  }
  const std::optional<ResponseEvent> event = decoder_.next();
  if (!event) return run_dry();
  const bool switches = event->kind == ResponseEvent::Kind::head && event->head->status == 101;
  if (switches && (!tunnels_ || unanswered_ > 1)) return fail(DecodeError::unsolicited_response);
  note(*event);
  return event;
}

void ClientConnection::note(const ResponseEvent& event) {
  using Kind = ResponseEvent::Kind;
  if (event.kind == Kind::head) {
    final_ = !event.head->informational();
    if (!event.head->keep_alive) closes_ = true;
  }
  if (event.kind != Kind::end) return;
  if (!final_) return;
  --unanswered_;
  if (decoder_.protocol().tunnels()) return;
  tunnels_ = false;
  // The server would take the part of a request that was sent later for the next request.
  if (unanswered_ == 0 && (begun_ || last_)) closes_ = true;
  if (closes_) over_ = true;
}

std::nullopt_t ClientConnection::run_dry() {
  if (decoder_.error()) return fail(decoder_.error());
  if (!ended_) return std::nullopt;
  if (!decoder_.at_boundary()) return fail(DecodeError::truncated);
  over_ = true;
  return std::nullopt;
}

std::nullopt_t ClientConnection::fail(std::error_code error) {
  error_ = error;
  over_ = true;
  return std::nullopt;
}

void ClientConnection::finish() {
  ended_ = true;
  decoder_.finish();
}

}  // namespace protocols::http
