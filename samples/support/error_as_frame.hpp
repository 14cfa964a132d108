// Delivers the error of a stream as a frame.
#pragma once

#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "protocols/bytes.hpp"

namespace samples {

/// A decoder whose last frame reports the error of the stream, so that the program can respond to
/// it. error() returns the error after that frame.
template <class D>
class ErrorAsFrame {
 public:
  using Frame = std::variant<typename D::Frame, std::error_code>;

  explicit ErrorAsFrame(D decoder = D()) : decoder_(std::move(decoder)) {}

  void feed(protocols::Bytes bytes) { decoder_.feed(bytes); }
  void copy_tail() { decoder_.copy_tail(); }
  [[nodiscard]] bool at_boundary() const { return decoder_.at_boundary(); }

  [[nodiscard]] std::optional<Frame> next() {
    if (const auto frame = decoder_.next()) return *frame;
    if (!decoder_.error() || std::exchange(reported_, true)) return std::nullopt;
    return decoder_.error();
  }

  /// Bytes that are not a frame yet.
  [[nodiscard]] protocols::Bytes rest() { return decoder_.rest(); }

  [[nodiscard]] std::error_code error() const {
    return reported_ ? decoder_.error() : std::error_code();
  }

 private:
  D decoder_;
  bool reported_ = false;
};

}  // namespace samples
