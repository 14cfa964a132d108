// How a connection writes the response to the current request.
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "protocols/http/status.hpp"
#include "web/file_plan.hpp"
#include "web/http_connection.hpp"

namespace web::inline v0 {

using protocols::http::Field;
using reactor::WriteStatus;

namespace {

// A body of at most this size is written together with its head; a longer one in pieces.
constexpr std::size_t piece_bytes = 64 * 1024;

// Of a file: sent together with its head.
constexpr std::size_t small_file_bytes = 16 * 1024;

constexpr Field plain_text{"Content-Type", "text/plain; charset=utf-8"};

std::string error_text(int status, std::string_view why) {
  std::string text = std::to_string(status) + " ";
  text += protocols::http::reason_of(status);
  if (!why.empty()) text.append(": ").append(why);
  return text + "\n";
}

bool is_own(std::string_view name) {
  using protocols::http::equal_ignoring_case;
  return equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Connection") ||
         equal_ignoring_case(name, "Transfer-Encoding");
}

}  // namespace

WriteStatus HttpConnection::send(int status, FieldList fields, std::string_view body) {
  return enter([&] {
    if (answer_ != Answer::none) return WriteStatus::closed;
    if (body.size() <= piece_bytes) {
      if (!http_.respond(out_, status, fields, protocols::as_bytes(body))) {
        return refuse_fields(status, fields);
      }
      line_.status = status;
      complete();
      return written_;
    }
    if (!http_.begin_response(out_, status, fields, body.size())) {
      return refuse_fields(status, fields);
    }
    line_.status = status;
    answer_ = Answer::ending;
    if (http_.sends_body()) write_pieces(body);
    if (kept_size() > 0) return written_;
    http_.end_response(out_);
    complete();
    return written_;
  });
}

WriteStatus HttpConnection::send_error(int status, std::string_view why, FieldList fields) {
  std::vector<Field> all(fields.begin(), fields.end());
  all.push_back(plain_text);
  return send(status, all, error_text(status, why));
}

// The connection has responded with 500.
WriteStatus HttpConnection::refuse_fields(int status, FieldList fields) {
  std::string why = "the status " + std::to_string(status) + " cannot be sent as a response";
  for (const Field& field : fields) {
    if (is_own(field.name)) {
      why = "the server itself sends the field " + std::string(field.name);
    } else if (!protocols::http::is_sendable(field)) {
      why = "the response has a field that cannot be sent: " + std::string(field.name);
    } else {
      continue;
    }
    break;
  }
  for (char& c : why) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  line_.status = 500;
  complete(why);
  return WriteStatus::refused;
}

WriteStatus HttpConnection::begin(int status, FieldList fields,
                                  std::optional<std::uint64_t> length) {
  return enter([&] {
    if (answer_ != Answer::none) return WriteStatus::closed;
    if (!http_.begin_response(out_, status, fields, length)) return refuse_fields(status, fields);
    line_.status = status;
    answer_ = Answer::begun;
    if (http_.sends_body()) {
      if (!serving_) flush();
      return written_;
    }
    http_.end_response(out_);
    complete();
    return written_;
  });
}

WriteStatus HttpConnection::write(std::string_view piece) {
  return enter([&] {
    if (answer_ != Answer::begun) return WriteStatus::closed;
    if (kept_size() > 0) {
      if (kept_size() + piece.size() > context_.options.server.max_queued_bytes) {
        fail("the handler writes on regardless of above_high_water");
        return WriteStatus::closed;
      }
      kept_.erase(0, std::exchange(kept_offset_, 0));
      kept_.append(piece);
    } else {
      write_pieces(piece);
    }
    if (written_ == WriteStatus::closed) return WriteStatus::closed;
    owes_drained_ = full_ || kept_size() > 0 || (serving_ && !share_.may_go_on());
    return owes_drained_ ? WriteStatus::above_high_water : written_;
  });
}

// Keeps what the stream has no room for.
void HttpConnection::write_pieces(std::string_view text) {
  while (!text.empty() && !full_) {
    const std::string_view piece = text.substr(0, piece_bytes);
    http_.write_body(out_, protocols::as_bytes(piece));
    flush();
    text.remove_prefix(piece.size());
  }
  if (written_ != WriteStatus::closed) kept_.assign(text);
}

bool HttpConnection::write_kept() {
  const std::string_view piece = std::string_view(kept_).substr(kept_offset_, piece_bytes);
  http_.write_body(out_, protocols::as_bytes(piece));
  kept_offset_ += piece.size();
  flush();
  if (kept_size() > 0) return true;
  std::string().swap(kept_);
  kept_offset_ = 0;
  if (answer_ != Answer::ending) return true;
  http_.end_response(out_, trailers_);
  complete();
  return true;
}

WriteStatus HttpConnection::end(FieldList trailers) {
  return enter([&] {
    if (answer_ != Answer::begun) return WriteStatus::closed;
    if (kept_size() > 0) {
      answer_ = Answer::ending;
      for (const Field& field : trailers) (void)trailers_.add(field);
      return WriteStatus::above_high_water;
    }
    const bool whole = http_.end_response(out_, trailers);
    complete(whole ? "" : "the response is shorter than its length, or has unsendable trailers");
    return whole ? written_ : WriteStatus::refused;
  });
}

WriteStatus HttpConnection::early_hints(FieldList fields) {
  return enter([&] {
    constexpr int early_hints_status = 103;
    if (answer_ != Answer::none) return WriteStatus::closed;
    if (!http_.write_informational(out_, early_hints_status, fields)) {
      return refuse_fields(early_hints_status, fields);
    }
    if (!serving_) flush();
    return written_;
  });
}

WriteStatus HttpConnection::send_file(FileContent content, FieldList fields,
                                      const Exchange& exchange) {
  return enter([&] {
    if (answer_ != Answer::none) return WriteStatus::closed;
    const auto* const head = exchange.head;
    const auto* const kept = exchange.conditions.get();
    const FilePlan plan = head ? plan_file(content, head->method, head->fields, context_.date)
                          : kept
                              ? plan_file(content, kept->method, kept->fields.view(), context_.date)
                              : plan_file(content, {}, {}, context_.date);
    std::vector<Field> all(fields.begin(), fields.end());
    const auto is_given = [&](std::string_view name) {
      return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
        return protocols::http::equal_ignoring_case(field.name, name);
      });
    };
    for (const auto& [name, value] : plan.fields) {
      if (!is_given(name)) all.push_back({name, value});
    }
    if (plan.status == 304) return send(plan.status, all, {});
    if (plan.status >= 400) return send_error(plan.status, {}, all);
    if (!http_.begin_response(out_, plan.status, all, plan.size)) {
      return refuse_fields(plan.status, all);
    }
    line_.status = plan.status;
    if (http_.sends_body()) send_content(content, plan.offset, plan.size);
    http_.end_response(out_);
    complete();
    return written_;
  });
}

void HttpConnection::send_content(FileContent& content, std::uint64_t offset, std::uint64_t size) {
  if (size <= small_file_bytes) {
    std::byte bytes[small_file_bytes];
    const ssize_t got = ::pread(content.file.fd(), bytes, size, static_cast<off_t>(offset));
    // If the file has become shorter, end_response() ends the connection.
    return http_.write_body(
        out_, std::span(bytes).first(static_cast<std::size_t>(std::max<ssize_t>(got, 0))));
  }
  http_.count_body(size);
  flush();
  note(stream_->write_file(std::move(content.file), offset, size));
}

std::shared_ptr<Tunnel> HttpConnection::upgrade(std::string_view protocol, FieldList fields) {
  return enter([&]() -> std::shared_ptr<Tunnel> {
    if (answer_ != Answer::none || !may_upgrade_) return nullptr;
    const bool connects = exchange_->head ? exchange_->head->method == "CONNECT"
                                          : exchange_->conditions->method == "CONNECT";
    if (!http_.switch_protocol(out_, protocol, fields)) {
      refuse_fields(101, fields);
      return nullptr;
    }
    auto tunnel = std::make_shared<Tunnel>(*this);
    tunnel_ = tunnel;
    stream_->accept();  // It makes no room for others.
    line_.status = connects ? 200 : 101;
    complete();
    return tunnel;
  });
}

WriteStatus HttpConnection::write_tunnel(protocols::Bytes bytes) {
  flush();
  note(stream_->write(bytes));
  owes_drained_ |= written_ == WriteStatus::above_high_water;
  return written_;
}

// What is kept of a whole response is sent without its handle.
void HttpConnection::abandon() {
  if (answer_ == Answer::ending) return;
  fail("the handler destroyed its Response without completing it");
}

void HttpConnection::fail(std::string_view why) {
  if (!is_open()) return;
  if (answer_ != Answer::none) {
    detach();
    log(why);
    return abort();
  }
  line_.status = 500;
  const std::string text = error_text(500, "the handler of this route failed");
  http_.respond(out_, 500, {plain_text}, protocols::as_bytes(text));
  complete(why);
}

}  // namespace web
