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

}  // namespace samples
