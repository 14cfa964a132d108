// Text of strangers, made fit for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace samples {

/// `text` without what would command a terminal instead of being shown by it: control characters
/// (ASCII's, DEL, and U+0080 to U+009F), line separators, and the marks that turn the direction of
/// the text around them. A tab becomes a space, each ill-formed piece of UTF-8 one U+FFFD, and all
/// other UTF-8 stays as it is.
[[nodiscard]] std::string printable(std::string_view text);

/// The same, but nothing is lost: each byte of what would be left out or replaced becomes `\x1b`.
[[nodiscard]] std::string escaped(std::string_view text);

/// Text of many lines for a terminal, which arrives in pieces that may end within a character. As
/// escaped(), but ends of lines and tabs stay.
class EscapedPieces {
 public:
  [[nodiscard]] std::string feed(std::string_view piece);
  /// What was held back, when no piece follows.
  [[nodiscard]] std::string finish();

 private:
  std::string rest_;  // The beginning of a character.
};

}  // namespace samples
