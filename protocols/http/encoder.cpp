#include "protocols/http/encoder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "protocols/http/status.hpp"
#include "protocols/http/syntax.hpp"
#include "protocols/http/target.hpp"

namespace protocols::http {
namespace {

// What a head grows by at least, so that a usual one grows once.
constexpr std::size_t usual_head_bytes = 512;

constexpr std::size_t max_digits = 20;

char* write(char* at, std::string_view text) { return std::copy(text.begin(), text.end(), at); }

char* write_line_end(char* at) { return write(at, "\r\n"); }

char* write_number(char* at, std::uint64_t number, int base = 10) {
  return std::to_chars(at, at + max_digits, number, base).ptr;
}

constexpr std::array<std::string_view, 3> fields_of_framing = {"Connection", "Content-Length",
                                                               "Transfer-Encoding"};

bool is_of_framing(std::string_view name) {
  for (std::string_view own : fields_of_framing) {
    if (equal_ignoring_case(name, own)) return true;
  }
  return false;
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

// Where the next `size` bytes go.
inline char* HeadEncoder::room(std::size_t size) {
  const std::size_t at = size_;
  size_ += size;
  if (size_ > out_.size()) [[unlikely]] {
    out_.resize(std::max(size_, out_.size() + usual_head_bytes));
  }
  return reinterpret_cast<char*>(out_.data()) + at;
}

HeadEncoder HeadEncoder::request(std::vector<std::byte>& out, std::string_view method,
                                 std::string_view target) {
  constexpr std::string_view version = " HTTP/1.1\r\n";
  HeadEncoder head(out, !method.empty() && all_of(method, token_bytes) &&
                            all_of(target, target_bytes) && is_target(method, target));
  char* at = head.room(method.size() + 1 + target.size() + version.size());
  at = write(at, method);
  at = write(at, " ");
  at = write(at, target);
  write(at, version);
  return head;
}

HeadEncoder HeadEncoder::response(std::vector<std::byte>& out, int status) {
  const bool sendable = status >= 100 && status <= 999;
  HeadEncoder head(out, sendable);
  if (!sendable) return head;
  const std::string_view reason = reason_of(status);
  char* at = head.room(std::string_view("HTTP/1.1 200 \r\n").size() + reason.size());
  at = write(at, "HTTP/1.1 ");
  at = write_number(at, static_cast<std::uint64_t>(status));
  at = write(at, " ");
  at = write(at, reason);
  write_line_end(at);
  return head;
}

HeadEncoder HeadEncoder::trailers(std::vector<std::byte>& out) {
  constexpr std::string_view last_chunk = "0\r\n";
  HeadEncoder head(out, true);
  write(head.room(last_chunk.size()), last_chunk);
  return head;
}

void HeadEncoder::add(const Field& field) {
  if (!is_sendable(field)) sendable_ = false;
  char* at = room(field.name.size() + 2 + field.value.size() + 2);
  at = write(at, field.name);
  at = write(at, ": ");
  at = write(at, field.value);
  write_line_end(at);
}

void HeadEncoder::add_all(FieldList fields) {
  for (const Field& field : fields) {
    if (is_of_framing(field.name)) sendable_ = false;
    if (equal_ignoring_case(field.name, "Upgrade")) upgrades_ = true;
    add(field);
  }
}

void HeadEncoder::add_lines(const FieldLines& lines) {
  write(room(lines.text().size()), lines.text());
}

void HeadEncoder::add_connection(std::string_view option) {
  if (upgrades_) {
    add({"Connection", option.empty() ? "upgrade" : "upgrade, " + std::string(option)});
  } else if (!option.empty()) {
    add({"Connection", option});
  }
}

void HeadEncoder::add_content_length(std::uint64_t size) {
  constexpr std::string_view name = "Content-Length: ";
  char* const begin = room(name.size() + max_digits + 2);
  char* at = write_number(write(begin, name), size);
  at = write_line_end(at);
  size_ -= name.size() + max_digits + 2 - static_cast<std::size_t>(at - begin);
}

bool HeadEncoder::end() {
  if (sendable_) {
    write_line_end(room(2));
  } else {
    size_ = begin_;
  }
  out_.resize(size_);
  return sendable_;
}

void append_chunk(std::vector<std::byte>& out, Bytes piece) {
  if (piece.empty()) return;
  std::array<char, max_digits + 2> line;
  const char* const end = write_line_end(write_number(line.data(), piece.size(), 16));
  for (Bytes part : {std::as_bytes(std::span(line.data(), end)), piece, as_bytes("\r\n")}) {
    out.insert(out.end(), part.begin(), part.end());
  }
}

}  // namespace protocols::http
