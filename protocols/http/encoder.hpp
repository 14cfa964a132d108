// Writes HTTP/1.1 messages (RFC 9112): heads, chunks, trailers. It never writes anything that a
// recipient could take for more or for less than one message.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/http/message.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// False for a field that could end its line too early, and begin another one or the body: a name
/// that is no token (RFC 9110 5.1), a control character in the value (RFC 9110 5.5).
[[nodiscard]] bool is_sendable(const Field& field);

/// Fields that are checked and encoded once, and sent many times: `Server`, or a `Date` that the
/// program updates each second.
class FieldLines {
 public:
  FieldLines() = default;

  /// Returns false, and adds nothing, if the field cannot be sent.
  [[nodiscard]] bool add(const Field& field);
  void clear() {
    text_.clear();
    frames_ = upgrades_ = false;
  }

  [[nodiscard]] std::string_view text() const { return text_; }

  // For connection classes: whether they contain framing or upgrade fields.
  [[nodiscard]] bool frames() const { return frames_; }
  [[nodiscard]] bool upgrades() const { return upgrades_; }

 private:
  std::string text_;
  bool frames_ = false;
  bool upgrades_ = false;
};

/// Fields to send: `{{"Content-Type", "text/plain"}, {"ETag", tag}}`, an array or a vector of them,
/// or FieldLines, which cost the least.
///
/// Lifetime  A view, for an argument of a call.
class FieldList {
 public:
  FieldList() = default;
  FieldList(std::initializer_list<Field> fields) {
    first_ = fields.begin();
    size_ = fields.size();
  }
  template <class Range>
    requires std::convertible_to<const Range&, std::span<const Field>>
  FieldList(const Range& range) {
    const std::span<const Field> fields(range);
    first_ = fields.data();
    size_ = fields.size();
  }
  FieldList(const FieldLines& lines) : lines_(&lines) {}

  [[nodiscard]] const Field* begin() const { return first_; }
  [[nodiscard]] const Field* end() const { return first_ + size_; }

  /// Null if the list was not made of FieldLines.
  [[nodiscard]] const FieldLines* lines() const { return lines_; }

 private:
  const Field* first_ = nullptr;
  std::size_t size_ = 0;
  const FieldLines* lines_ = nullptr;
};

/// The parts of a response that a connection class writes, in the order in which they are sent.
struct ResponseParts {
  int status;
  const FieldLines* always;  ///< Sent with every response; may be null.
  FieldList fields;          ///< As for HeadEncoder::add_all().
  std::string_view connection;
  Framing framing = Framing::none;
  std::uint64_t length = 0;  ///< Of Framing::length.
  Bytes body;                ///< The body, or the part of it that is sent together with the head.
};

/// Appends a response to `out`, in one piece. Returns false as HeadEncoder::end().
[[nodiscard]] bool append_response(std::vector<std::byte>& out, const ResponseParts& parts);

/// Appends a head, or trailers, to `out`.
///
///     HeadEncoder head = HeadEncoder::response(out, 200);
///     head.add({"Content-Type", "text/plain"});
///     head.add_content_length(5);
///     if (!head.end()) …
///
/// The caller must choose the fields between start line and body; connection classes do that.
class HeadEncoder {
 public:
  /// `GET /index.html HTTP/1.1`
  [[nodiscard]] static HeadEncoder request(std::vector<std::byte>& out, std::string_view method,
                                           std::string_view target);

  /// `HTTP/1.1 404 Not Found`
  [[nodiscard]] static HeadEncoder response(std::vector<std::byte>& out, int status);

  /// The end of a chunked body. Without a field after it: `0 CR LF CR LF`.
  [[nodiscard]] static HeadEncoder trailers(std::vector<std::byte>& out);

  void add(const Field& field);

  /// Adds the fields of a caller that uses a connection class. That class writes Content-Length,
  /// Transfer-Encoding and Connection itself, so these make end() return false.
  void add_all(FieldList fields);

  /// Adds Connection: `option`, and `upgrade` if one of add_all()'s fields is Upgrade; nothing if
  /// there is neither.
  void add_connection(std::string_view option);

  void add_lines(const FieldLines& lines);
  void add_content_length(std::uint64_t size);

  /// Writes the empty line, and after it a body or its beginning. Returns false if something cannot
  /// be sent: the method, the target, the status (100 to 999), or a field; `out` is then unchanged.
  [[nodiscard]] bool end(Bytes body = {});

 private:
  friend bool append_response(std::vector<std::byte>& out, const ResponseParts& parts);

  // `out` grows once if all that is added takes no more than `expected_bytes`.
  HeadEncoder(std::vector<std::byte>& out, std::size_t expected_bytes, bool sendable);
  void begin_response(int status);
  void begin_unknown_response(int status);
  void add_chunked();
  [[nodiscard]] char* room(std::size_t size);
  void grow(std::size_t size);

  std::vector<std::byte>& out_;  // Until end() it is longer than what is written.
  std::size_t begin_;
  char* at_;
  char* end_;
  bool sendable_;
  bool upgrades_ = false;
};

namespace detail {

[[nodiscard]] protocols::detail::ShortHeader chunk_line(std::size_t piece_bytes);

}  // namespace detail

/// Appends a piece of a chunked body; an empty one, which would end the body, is left out.
template <Output O>
void append_chunk(O& out, Bytes piece) {
  if (piece.empty()) return;
  const protocols::detail::ShortHeader line = detail::chunk_line(piece.size());
  protocols::detail::append_frame(out, line.view(), piece, as_bytes("\r\n"));
}

}  // namespace protocols::http
#pragma GCC visibility pop
