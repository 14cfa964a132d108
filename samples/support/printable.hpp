// Makes text of other people safe for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace samples {

/// `text` without what would command a terminal instead of being shown: control characters
/// (ASCII's, DEL, and U+0080 to U+009F), line separators, and the marks that change the direction
/// of the text around them. A tab becomes a space, each ill-formed piece of UTF-8 becomes one
/// U+FFFD, and all other UTF-8 stays.
[[nodiscard]] std::string printable(std::string_view text);

/// The same, but nothing is lost: each byte that would be left out or replaced becomes its code, as
/// `\x1b`.
[[nodiscard]] std::string escaped(std::string_view text);

/// Escapes text of many lines for a terminal. The text arrives in pieces that may end within a
/// character. As escaped(), but line ends and tabs stay.
class EscapedPieces {
 public:
  [[nodiscard]] std::string feed(std::string_view piece);
  /// What was kept back, when no piece follows.
  [[nodiscard]] std::string finish();

 private:
  std::string rest_;  // The beginning of a character.
};

}  // namespace samples
