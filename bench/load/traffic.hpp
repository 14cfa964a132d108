// The bytes that are sent, and how answers are counted in the received bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/options.hpp"

namespace bench {

/// The text that every connection sends repeatedly, each from another place in it: whole requests
/// of one size. So nothing is built while measuring, and the position of a byte in its connection's
/// stream determines its value.
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

/// Counts the responses in an HTTP/1.1 stream that is cut anywhere. Understands Content-Length, and
/// only what benchmarked servers send.
class HttpAnswers {
 public:
  /// With `verify` each body has to equal the body of the first response.
  explicit HttpAnswers(bool verify = false) : verify_(verify) {}

  /// Returns how many responses these bytes complete. Throws std::runtime_error if a response is
  /// not a 200, or has another body.
  std::size_t feed(std::string_view bytes);

 private:
  void begin_body(std::size_t size);
  void check(std::string_view piece);

  const bool verify_;
  bool is_first_ = true;
  std::string header_;  // The part of a header that earlier bytes began.
  std::size_t body_left_ = 0;
  std::string body_;  // Of the first response.
};

/// Whether this is a time as `%Y-%m-%d %X` prints it.
bool is_time(std::string_view answer);

}  // namespace bench
