// Checks that text is UTF-8 (RFC 3629) while it arrives, and finds the first byte that is not.
#pragma once

#include <cstddef>

#include "protocols/bytes.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::websocket {

/// A text that arrives in pieces, cut anywhere.
///
///     Utf8Check text;
///     if (text.add(piece) != piece.size()) refuse();   // at the first byte that fits no character
///     ...
///     if (!text.complete()) refuse();                  // at the end: half a character
class Utf8Check {
 public:
  /// Returns the index of the first byte that cannot be part of valid text, or the size. After an
  /// invalid byte the text must not be continued.
  [[nodiscard]] std::size_t add(Bytes piece);

  /// False after the beginning of a character whose end is missing.
  [[nodiscard]] bool complete() const { return missing_ == 0; }

 private:
  bool begin_character(unsigned char byte);

  unsigned char missing_ = 0;  // How many bytes the current character still needs.
  unsigned char low_ = 0x80;   // The range of the next one.
  unsigned char high_ = 0xBF;
};

/// Whether all of the text is valid UTF-8.
[[nodiscard]] inline bool is_utf8(Bytes text) {
  Utf8Check check;
  return check.add(text) == text.size() && check.complete();
}

}  // namespace protocols::websocket
#pragma GCC visibility pop
