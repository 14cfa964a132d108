#include "protocols/http/encoder.hpp"

#include <array>
#include <charconv>
#include <cstring>

#include "protocols/http/status.hpp"
#include "protocols/http/syntax.hpp"
#include "protocols/http/target.hpp"

namespace protocols::http {
namespace {

// Room for a number of 64 bits, and the number in it.
class Digits {
 public:
  explicit Digits(std::uint64_t number, int base = 10)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), number, base).ptr) {}
  [[nodiscard]] std::string_view text() const {
    return {text_.data(), static_cast<std::size_t>(end_ - text_.data())};
  }

 private:
  std::array<char, 20> text_;
  const char* end_;
};

bool is_of_framing(std::string_view name) {
  for (std::string_view own : {"Connection", "Content-Length", "Transfer-Encoding"}) {
    if (equal_ignoring_case(name, own)) return true;
  }
  return false;
}

void append(std::vector<std::byte>& out, std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  const std::size_t begin = out.size();
  out.resize(begin + size);
  std::byte* at = out.data() + begin;
  for (std::string_view part : parts) {
    if (part.empty()) continue;
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
}

}  // namespace

bool is_sendable(const Field& field) {
  return !field.name.empty() && all_of(field.name, token_bytes) && all_of(field.value, text_bytes);
}

bool FieldLines::add(const Field& field) {
  if (!is_sendable(field)) return false;
  text_.append(field.name).append(": ").append(field.value).append("\r\n");
  return true;
}

HeadEncoder HeadEncoder::request(std::vector<std::byte>& out, std::string_view method,
                                 std::string_view target) {
  HeadEncoder head(out, !method.empty() && all_of(method, token_bytes) &&
                            all_of(target, target_bytes) && is_target(method, target));
  head.put({method, " ", target, " HTTP/1.1\r\n"});
  return head;
}

HeadEncoder HeadEncoder::response(std::vector<std::byte>& out, int status) {
  HeadEncoder head(out, status >= 100 && status <= 999);
  if (status == 200) {
    head.put({"HTTP/1.1 200 OK\r\n"});
  } else {
    head.put({"HTTP/1.1 ", Digits(static_cast<std::uint64_t>(status)).text(), " ",
              reason_of(status), "\r\n"});
  }
  return head;
}

HeadEncoder HeadEncoder::trailers(std::vector<std::byte>& out) {
  HeadEncoder head(out, true);
  head.put({"0\r\n"});
  return head;
}

void HeadEncoder::add(const Field& field) {
  if (!is_sendable(field)) sendable_ = false;
  put({field.name, ": ", field.value, "\r\n"});
}

void HeadEncoder::add_all(FieldList fields) {
  for (const Field& field : fields) {
    if (is_of_framing(field.name)) sendable_ = false;
    if (equal_ignoring_case(field.name, "Upgrade")) upgrades_ = true;
    add(field);
  }
}

void HeadEncoder::add_connection(std::string_view option) {
  if (!upgrades_ && option.empty()) return;
  const std::string_view separator = upgrades_ && !option.empty() ? ", " : "";
  put({"Connection: ", upgrades_ ? "upgrade" : "", separator, option, "\r\n"});
}

void HeadEncoder::add_content_length(std::uint64_t size) {
  put({"Content-Length: ", Digits(size).text(), "\r\n"});
}

bool HeadEncoder::end() {
  if (sendable_) {
    put({"\r\n"});
  } else {
    out_.resize(begin_);
  }
  return sendable_;
}

void HeadEncoder::put(std::initializer_list<std::string_view> parts) { append(out_, parts); }

void append_chunk(std::vector<std::byte>& out, Bytes piece) {
  if (piece.empty()) return;
  append(out, {Digits(piece.size(), 16).text(), "\r\n", as_text(piece), "\r\n"});
}

}  // namespace protocols::http
