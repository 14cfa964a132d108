// The properties of characters that a program needs to show them: bytes, width, effect.
#pragma once

#include <cstddef>
#include <string_view>

namespace samples {

/// The code of a piece of text that is not UTF-8: one more than the last code point.
constexpr char32_t ill_formed = 0x110000;

struct Decoded {
  char32_t code;
  std::size_t size;  ///< In bytes.
};

/// The first character of `text`, which is not empty. An ill-formed piece ends before the first
/// byte that cannot belong to it (Unicode, table 3-7).
[[nodiscard]] Decoded decode(std::string_view text);

/// True when `text` is the beginning of a well-formed character, and more bytes are needed.
[[nodiscard]] bool is_incomplete(std::string_view text);

/// True for a character that changes how a terminal shows other text: a control character, a line
/// separator, or a mark that changes the direction of the text around it.
[[nodiscard]] bool commands_terminal(char32_t code);

/// The number of columns of a character on a terminal: 2 for a wide one (East Asian Width W and F,
/// which includes emoji), 0 for a mark that is shown on the character before it, otherwise 1. The
/// width of a sequence is the sum of its characters' widths.
[[nodiscard]] std::size_t columns(char32_t code);

/// The size in bytes of the first character of `text` as a person sees it: with its combining
/// marks, variation selectors, skin tone, and what a zero width joiner adds; two regional
/// indicators are one flag.
[[nodiscard]] std::size_t cluster_size(std::string_view text);

/// True for an invisible character: spaces of any width, the default-ignorable characters (Unicode,
/// DerivedCoreProperties), interlinear annotation marks, and the blank Braille pattern.
[[nodiscard]] bool is_invisible(char32_t code);

}  // namespace samples
