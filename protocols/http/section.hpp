// The state of reading a section: the fields of a head, or the trailers of a body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocols/http/message.hpp"

namespace protocols::inline v0::http {

/// How far a head or a trailer section has been read; bytes before `at` are not read again.
struct SectionProgress {
  /// The element that contains `at`.
  enum class Element : unsigned char { start, target, version, status, reason, name, value };

  Element element = Element::start;
  std::uint32_t line = 0;   ///< Where the line begins that contains `at`.
  std::uint32_t begin = 0;  ///< Where the element begins.
  std::uint32_t at = 0;
};

/// The lines of a section; the memory is reused for the next section.
class FieldIndex {
 public:
  void begin(Fields::Place first) {
    size_ = 0;
    add(first);
  }
  void add(Fields::Place line) {
    if (size_ == room_.size()) room_.resize(2 * size_ + 16);
    room_[size_++] = line;
  }

  /// For a caller that fills it directly; then set_size() sets the number of lines.
  [[nodiscard]] std::span<Fields::Place> room() { return room_; }
  void set_size(std::size_t size) { size_ = size; }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<const Fields::Place> all() const { return {room_.data(), size_}; }

 private:
  std::vector<Fields::Place> room_;
  std::size_t size_ = 0;
};

}  // namespace protocols::http
