// The bytes that go out and how answers are told apart in what comes back.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/options.hpp"

namespace bench {

/// The text that every connection sends again and again, each from another place in it: whole
/// requests of one size. So nothing is built while measuring, and the place of a byte in its
/// connection's stream tells what it has to be.
class Traffic {
 public:
  explicit Traffic(const Options& options);

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::size_t request_bytes() const { return request_bytes_; }
  [[nodiscard]] std::size_t requests() const { return text_.size() / request_bytes_; }

  /// Where in the text a connection starts.
  [[nodiscard]] std::size_t start_of(std::size_t connection) const {
    return connection * 17 % requests() * request_bytes_;
  }

  /// True when the answers are the requests, byte for byte.
  [[nodiscard]] bool echoed() const { return echoed_; }

 private:
  std::string text_;
  std::size_t request_bytes_ = 0;
  bool echoed_ = true;
};

/// Counts the answers in an HTTP/1.1 stream that is cut anywhere. Understands Content-Length, and
/// nothing that a benchmarked server has no reason to send.
class HttpAnswers {
 public:
  /// With `verify` each body has to be the one that the first answer had.
  explicit HttpAnswers(bool verify = false) : verify_(verify) {}

  /// How many answers these bytes complete. Throws std::runtime_error on what is no 200 answer, and
  /// on another body.
  std::size_t feed(std::string_view bytes);

 private:
  void begin_body(std::size_t size);
  void check(std::string_view piece);

  const bool verify_;
  bool is_first_ = true;
  std::string header_;  // The part of a header that earlier bytes began.
  std::size_t body_left_ = 0;
  std::string body_;  // Of the first answer.
};

/// Whether this is a time as `%Y-%m-%d %X` prints it.
bool is_time(std::string_view answer);

}  // namespace bench
