#include "protocols/http/encoder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "protocols/http/scan.hpp"
#include "protocols/http/status.hpp"
#include "protocols/http/syntax.hpp"
#include "protocols/http/target.hpp"

namespace protocols::inline v0::http {
namespace {

// For the status line, Connection and Content-Length, and space in which fields are checked.
constexpr std::size_t usual_own_bytes = 192;

// The minimum by which a head grows, so that a usual head grows once.
constexpr std::size_t usual_head_bytes = 512;

constexpr std::size_t max_digits = 20;

char* write(char* at, std::string_view text) { return std::copy(text.begin(), text.end(), at); }

char* write_line_end(char* at) { return write(at, "\r\n"); }

char* write_number(char* at, std::uint64_t number, int base = 10) {
  return std::to_chars(at, at + max_digits, number, base).ptr;
}

// Whether a reader would find this end of the name and this end of the line. The bytes after the
// line, up to `end`, are loaded but not checked.
bool reads_as_field(const char* line, std::size_t name_size, std::size_t size, const char* end) {
  Scanner scanner({line, static_cast<std::size_t>(end - line)});
  return name_size > 0 && scanner.token_end(0) == name_size && scanner.text_end(name_size) == size;
}

// Which field this is of those that only a connection class may write.
enum class Own : unsigned char { none, framing, upgrade };

Own which_of_own(std::string_view name) {
  switch (name.size()) {
    case 7:
      return equal_ignoring_case(name, "Upgrade") ? Own::upgrade : Own::none;
    case 10:
      return equal_ignoring_case(name, "Connection") ? Own::framing : Own::none;
    case 14:
      return equal_ignoring_case(name, "Content-Length") ? Own::framing : Own::none;
    case 17:
      return equal_ignoring_case(name, "Transfer-Encoding") ? Own::framing : Own::none;
    default:
      return Own::none;
  }
}

}  // namespace

bool is_sendable(const Field& field) {
  return !field.name.empty() && all_of(field.name, token_bytes) && all_of(field.value, text_bytes);
}

bool FieldLines::add(const Field& field) {
  if (!is_sendable(field)) return false;
  text_.append(field.name).append(": ").append(field.value).append("\r\n");
  const Own own = which_of_own(field.name);
  if (own == Own::framing) frames_ = true;
  if (own == Own::upgrade) upgrades_ = true;
  return true;
}

HeadEncoder::HeadEncoder(std::vector<std::byte>& out, std::size_t expected_bytes, bool sendable)
    : out_(out), begin_(out.size()), sendable_(sendable) {
  out_.resize(begin_ + expected_bytes);
  char* const data = reinterpret_cast<char*>(out_.data());
  at_ = data + begin_;
  end_ = data + out_.size();
}

// Returns where to write the next `size` bytes.
[[gnu::always_inline]] inline char* HeadEncoder::room(std::size_t size) {
  if (static_cast<std::size_t>(end_ - at_) < size) [[unlikely]]
    grow(size);
  return at_;
}

[[gnu::noinline]] void HeadEncoder::grow(std::size_t size) {
  const auto written = at_ - reinterpret_cast<char*>(out_.data());
  out_.resize(out_.size() + std::max(size, usual_head_bytes));
  at_ = reinterpret_cast<char*>(out_.data()) + written;
  end_ = reinterpret_cast<char*>(out_.data()) + out_.size();
}

HeadEncoder HeadEncoder::request(std::vector<std::byte>& out, std::string_view method,
                                 std::string_view target) {
  constexpr std::string_view version = " HTTP/1.1\r\n";
  HeadEncoder head(out, usual_head_bytes,
                   !method.empty() && all_of(method, token_bytes) && all_of(target, target_bytes) &&
                       is_target(method, target));
  char* at = head.room(method.size() + 1 + target.size() + version.size());
  at = write(at, method);
  at = write(at, " ");
  at = write(at, target);
  head.at_ = write(at, version);
  return head;
}

HeadEncoder HeadEncoder::response(std::vector<std::byte>& out, int status) {
  HeadEncoder head(out, usual_head_bytes, status >= 100 && status <= 999);
  head.begin_response(status);
  return head;
}

inline void HeadEncoder::begin_response(int status) {
  const std::string_view line = status_line_of(status);
  if (line.empty()) [[unlikely]]
    return begin_unknown_response(status);
  at_ = write(room(line.size()), line);
}

[[gnu::noinline]] void HeadEncoder::begin_unknown_response(int status) {
  if (!sendable_) return;
  char* at = write(room(std::string_view("HTTP/1.1  \r\n").size() + max_digits), "HTTP/1.1 ");
  at = write_number(at, static_cast<std::uint64_t>(status));
  at_ = write(at, " \r\n");
}

HeadEncoder HeadEncoder::trailers(std::vector<std::byte>& out) {
  constexpr std::string_view last_chunk = "0\r\n";
  HeadEncoder head(out, usual_head_bytes, true);
  head.at_ = write(head.room(last_chunk.size()), last_chunk);
  return head;
}

void HeadEncoder::add(const Field& field) {
  const std::size_t size = field.name.size() + 2 + field.value.size();
  char* const line = room(size + 2);
  char* at = write(line, field.name);
  at = write(at, ": ");
  at = write(at, field.value);
  at_ = write_line_end(at);
  if (!reads_as_field(line, field.name.size(), size, end_)) sendable_ = false;
}

void HeadEncoder::add_all(FieldList fields) {
  if (const FieldLines* lines = fields.lines()) {
    if (lines->frames()) sendable_ = false;
    if (lines->upgrades()) upgrades_ = true;
    return add_lines(*lines);
  }
  for (const Field& field : fields) {
    const Own own = which_of_own(field.name);
    if (own == Own::framing) sendable_ = false;
    if (own == Own::upgrade) upgrades_ = true;
    add(field);
  }
}

void HeadEncoder::add_lines(const FieldLines& lines) {
  at_ = write(room(lines.text().size()), lines.text());
}

[[gnu::noinline]] void HeadEncoder::add_connection(std::string_view option) {
  if (upgrades_) {
    add({"Connection", option.empty() ? "upgrade" : "upgrade, " + std::string(option)});
  } else if (!option.empty()) {
    add({"Connection", option});
  }
}

void HeadEncoder::add_content_length(std::uint64_t size) {
  constexpr std::string_view name = "Content-Length: ";
  at_ = write_line_end(write_number(write(room(name.size() + max_digits + 2), name), size));
}

inline void HeadEncoder::add_chunked() {
  constexpr std::string_view line = "Transfer-Encoding: chunked\r\n";
  at_ = write(room(line.size()), line);
}

bool HeadEncoder::end(Bytes body) {
  if (!sendable_) {
    out_.resize(begin_);
    return false;
  }
  at_ = write(write_line_end(room(2 + body.size())), as_text(body));
  out_.resize(static_cast<std::size_t>(at_ - reinterpret_cast<char*>(out_.data())));
  return true;
}

// Inlines everything into one function, since a head consists of many small pieces.
[[gnu::flatten]] bool append_response(std::vector<std::byte>& out, const ResponseParts& parts) {
  std::size_t expected = usual_own_bytes + parts.body.size();
  for (const FieldLines* lines : {parts.always, parts.fields.lines()}) {
    if (lines) expected += lines->text().size();
  }
  for (const Field& field : parts.fields) expected += field.name.size() + field.value.size() + 4;

  HeadEncoder head(out, expected, parts.status >= 100 && parts.status <= 999);
  head.begin_response(parts.status);
  if (parts.always) head.add_lines(*parts.always);
  head.add_all(parts.fields);
  if (head.upgrades_ || !parts.connection.empty()) head.add_connection(parts.connection);
  if (parts.framing == Framing::length) head.add_content_length(parts.length);
  if (parts.framing == Framing::chunked) head.add_chunked();
  return head.end(parts.body);
}

protocols::detail::ShortHeader detail::chunk_line(std::size_t piece_bytes) {
  std::array<char, max_digits + 2> line;
  const char* const end = write_line_end(write_number(line.data(), piece_bytes, 16));
  protocols::detail::ShortHeader header;
  header.append(std::string_view(line.data(), end));
  return header;
}

}  // namespace protocols::http
