#include "protocols/http/collector.hpp"

#include <array>

namespace protocols::inline v0::http {
namespace {

// The views in a head, except its fields.
std::array<std::string_view*, 3> texts_of(RequestHead& head) {
  return {&head.method, &head.target, &head.upgrade};
}
std::array<std::string_view*, 2> texts_of(ResponseHead& head) {
  return {&head.reason, &head.upgrade};
}

}  // namespace

void OwnFields::assign(const Fields& fields) {
  text_.clear();
  lines_.assign(1, Fields::no_line);
  const auto size = [this] { return static_cast<std::uint32_t>(text_.size()); };
  for (const Field& field : fields) {
    text_ += field.name;
    Fields::Place line{size(), 0};
    text_.append(":").append(field.value);
    line.end = size();
    text_ += "\r\n";
    lines_.push_back(line);
  }
}

template <class H>
auto Collector<H>::add(const Event<H>& event) -> const Message* {
  using Kind = typename Event<H>::Kind;
  switch (event.kind) {
    case Kind::head:
      begin(*event.head);
      return nullptr;
    case Kind::body:
      add_body(event.bytes);
      return nullptr;
    case Kind::end:
      if (too_large_) return nullptr;
      end(*event.trailers);
      return &message_;
    case Kind::tunnel:
      break;
  }
  return nullptr;
}

template <class H>
void Collector<H>::begin(const H& head) {
  message_.head = head;
  fields_.assign(head.fields);
  body_.clear();
  too_large_ = head.framing == Framing::length && head.content_length > max_body_bytes_;

  start_line_.clear();
  for (const std::string_view* text : texts_of(message_.head)) start_line_ += *text;
}

template <class H>
void Collector<H>::add_body(Bytes piece) {
  if (piece.size() > max_body_bytes_ - body_.size()) too_large_ = true;
  if (too_large_) {
    body_ = std::vector<std::byte>();  // `{}` would keep the memory.
  } else {
    body_.insert(body_.end(), piece.begin(), piece.end());
  }
}

// Not earlier: a Collector may be moved in the middle of a message.
template <class H>
void Collector<H>::end(const Fields& trailers) {
  const char* at = start_line_.data();
  for (std::string_view* text : texts_of(message_.head)) {
    *text = {at, text->size()};
    at += text->size();
  }
  trailers_.assign(trailers);
  message_.head.fields = fields_.view();
  message_.body = body_;
  message_.trailers = trailers_.view();
}

template class Collector<RequestHead>;
template class Collector<ResponseHead>;

}  // namespace protocols::http
