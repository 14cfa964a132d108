// The parts of an HTTP/1.1 message, as the decoders report them: a head, pieces of a body, an end.
//
//     +--------------------------------+
//     | GET /index.html HTTP/1.1 CR LF |   start line      (head)
//     | Host: example.org CR LF        |   any fields      (head)
//     | CR LF                          |   an empty line   (head)
//     +--------------------------------+
//     | ...                            |   body, in one of the framings below
//     +--------------------------------+
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "protocols/bytes.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// What a decoder accepts from a peer before it refuses the message.
struct Limits {
  std::size_t max_start_line_bytes = 8192;  ///< Method and target, or reason; else 414 (a request).
  std::size_t max_field_bytes = 8192;       ///< One field line; else 431.
  std::size_t max_fields = 100;             ///< Of the head, and of the trailers; else 431.
  std::size_t max_head_bytes = 65536;       ///< The head, or the trailers, in all; else 431.
  /// A chunk's size and its extensions; else 400. Also the limit for all chunks of a body together,
  /// less 16 bytes for each chunk and one for each byte of its data: extensions are ignored, and a
  /// peer may not send them without end.
  std::size_t max_chunk_line_bytes = 4096;
  /// The body without its framing; else 413. Large, since a body is passed on in pieces and never
  /// kept: a program that collects it sets its own limit.
  std::uint64_t max_body_bytes = std::uint64_t{1} << 40;
};

/// Equal except for the case of ASCII letters: for names of fields, and most words in HTTP.
[[nodiscard]] inline bool equal_ignoring_case(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; };
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (lower(left[i]) != lower(right[i])) return false;
  }
  return true;
}

/// One field line: the value without the white space around it.
struct Field {
  std::string_view name;
  std::string_view value;

  bool operator==(const Field&) const = default;
};

/// The fields of a head or of a trailer section, as sent and in their order.
///
/// Lifetime  Views into the bytes that the decoder borrowed: as a frame.
class Fields {
 public:
  /// The position of the end of a name and of a line, counted from the beginning of its section:
  /// its colon, and its CR. The line begins after the line before it.
  struct Place {
    std::uint32_t name_end;
    std::uint32_t end;
  };
  /// The line before a section that begins with a field.
  static constexpr Place no_line{0, static_cast<std::uint32_t>(-2)};
  class Iterator;

  Fields() = default;
  /// The first of `lines` is not a field: it is a start line, or `no_line`.
  Fields(const char* section, std::span<const Place> lines)
      : section_(section), lines_(lines.data()), size_(lines.size() - 1) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Field operator[](std::size_t index) const;
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

  /// The value of the first field of this name, whatever the case of its letters.
  ///
  /// Cost      Linear in the number of fields.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

 private:
  const char* section_ = nullptr;
  const Place* lines_ = nullptr;
  std::size_t size_ = 0;
};

/// Visits the fields in their order.
class Fields::Iterator {
 public:
  using value_type = Field;
  using difference_type = std::ptrdiff_t;

  Iterator() = default;
  Iterator(const Fields* fields, std::size_t index) : fields_(fields), index_(index) {}

  Field operator*() const { return (*fields_)[index_]; }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  Iterator operator++(int) { return {fields_, index_++}; }
  bool operator==(const Iterator& other) const { return index_ == other.index_; }

 private:
  const Fields* fields_ = nullptr;
  std::size_t index_ = 0;
};

inline Fields::Iterator Fields::begin() const { return {this, 0}; }
inline Fields::Iterator Fields::end() const { return {this, size()}; }

/// What determines where a body ends (RFC 9112 6.3).
enum class Framing : unsigned char {
  none,     ///< There is no body.
  length,   ///< After `content_length` bytes.
  chunked,  ///< With the last chunk.
  close,    ///< With the connection; a response only.
};

/// What requests and responses both have.
struct Head {
  unsigned char minor_version = 1;  ///< HTTP/1.x: 0 to 9; a version above 1 is treated as 1.
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  ///< Of `Framing::length`.
  /// False: what follows this message on its connection must not be taken for another message.
  bool keep_alive = true;
  /// The protocol to which the peer wants to switch, or switches: the Upgrade field, if it applies.
  std::string_view upgrade;
  Fields fields;
};

/// The head of a request.
struct RequestHead : Head {
  std::string_view method;  ///< Any token; case matters.
  std::string_view target;  ///< As sent: `/path?query`, `http://host/path`, `host:port` or `*`.
  bool expects_continue = false;  ///< The client waits for 100 (Continue) before it sends the body.
};

/// The head of a response.
struct ResponseHead : Head {
  int status = 0;           ///< 100 to 999.
  std::string_view reason;  ///< For people; often empty.

  /// Another response to the same request follows.
  [[nodiscard]] bool informational() const { return status < 200 && status != 101; }
};

/// A part of a message: its head, any number of pieces of its body, its end.
///
/// Lifetime  A frame: valid until the decoder's next next(), feed() or copy_tail().
template <class H>
struct Event {
  /// What has arrived.
  enum class Kind : unsigned char {
    head,    ///< `head` is set.
    body,    ///< `bytes` are the next piece of the body, without its framing; never empty.
    end,     ///< The message is complete; `trailers` is set.
    tunnel,  ///< `bytes` follow a CONNECT or an upgrade, and are no longer HTTP.
  };

  Kind kind;
  Bytes bytes;
  const H* head = nullptr;
  const Fields* trailers = nullptr;  ///< The fields after the last chunk: never merged into a head.
};

/// A part of a request, and of a response.
using RequestEvent = Event<RequestHead>;
using ResponseEvent = Event<ResponseHead>;

}  // namespace protocols::http
#pragma GCC visibility pop
