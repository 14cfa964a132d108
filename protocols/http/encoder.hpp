// HTTP/1.1 messages (RFC 9112) as they are sent: heads, chunks, trailers. Nothing leaves here that
// a recipient could take for more or for less than one message.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/http/message.hpp"

namespace protocols::http {

/// False for what could end its line too early, and begin another one or the body: a name that is
/// no token (RFC 9110 5.1), a control character in the value (RFC 9110 5.5).
[[nodiscard]] bool is_sendable(const Field& field);

/// Fields to send: `{{"Content-Type", "text/plain"}, {"ETag", tag}}`, an array or a vector of them.
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

  [[nodiscard]] const Field* begin() const { return first_; }
  [[nodiscard]] const Field* end() const { return first_ + size_; }

 private:
  const Field* first_ = nullptr;
  std::size_t size_ = 0;
};

/// Fields checked and encoded once, to be sent many times: `Server`, or a `Date` that the program
/// sets anew each second.
class FieldLines {
 public:
  FieldLines() = default;

  /// False, and nothing added, where the field is not sendable.
  [[nodiscard]] bool add(const Field& field);
  void clear() { text_.clear(); }

  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string text_;
};

/// Appends a head, or trailers, to `out`.
///
///     HeadEncoder head = HeadEncoder::response(out, 200);
///     head.add({"Content-Type", "text/plain"});
///     head.add_content_length(5);
///     if (!head.end()) …
///
/// What stands between start line and body is the caller's to get right: connection classes do.
class HeadEncoder {
 public:
  /// `GET /index.html HTTP/1.1`
  [[nodiscard]] static HeadEncoder request(std::vector<std::byte>& out, std::string_view method,
                                           std::string_view target);

  /// `HTTP/1.1 404 Not Found`
  [[nodiscard]] static HeadEncoder response(std::vector<std::byte>& out, int status);

  /// The end of a chunked body. Without a field behind it: `0 CR LF CR LF`.
  [[nodiscard]] static HeadEncoder trailers(std::vector<std::byte>& out);

  void add(const Field& field);

  /// The fields of a caller who leaves it to a connection class where the message ends and what
  /// becomes of the connection: Content-Length, Transfer-Encoding and Connection are not sendable.
  void add_all(FieldList fields);

  /// Connection: `option`, and `upgrade` where one of add_all()'s fields is Upgrade; nothing where
  /// there is neither.
  void add_connection(std::string_view option);

  void add_lines(const FieldLines& lines);
  void add_content_length(std::uint64_t size);

  /// Writes the empty line. False where something was not sendable: the method, the target, the
  /// status (100 to 999), or a field; `out` is what it was before then.
  [[nodiscard]] bool end();

 private:
  HeadEncoder(std::vector<std::byte>& out, bool sendable)
      : out_(out), begin_(out.size()), size_(out.size()), sendable_(sendable) {}
  [[nodiscard]] char* room(std::size_t size);

  std::vector<std::byte>& out_;  // Longer than what is written until end().
  std::size_t begin_;
  std::size_t size_;
  bool sendable_;
  bool upgrades_ = false;
};

/// Appends a piece of a chunked body; an empty one, which would end the body, is left out.
void append_chunk(std::vector<std::byte>& out, Bytes piece);

}  // namespace protocols::http
