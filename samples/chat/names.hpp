// Names that people can tell apart.
#pragma once

#include <string>
#include <string_view>

namespace chat {

/// True when each character of the well-formed `name` is seen, and none is a mark on the text
/// before it.
[[nodiscard]] bool is_visible(std::string_view name);

/// True when `name` has a stylistic form of other characters: full-width, mathematical, enclosed,
/// raised or lowered letters and digits, ligatures and presentation forms (most of what NFKC
/// replaces).
[[nodiscard]] bool has_variants(std::string_view name);

/// Equal for names that look alike. Small letters stand for capital ones, Latin letters for those
/// with accents and for the Greek and Cyrillic letters that look like them; combining marks are
/// left out; `1`, `i` and `|` become `l`, `0` becomes `o`, `m` becomes `rn` and `w` becomes `vv`.
/// Other characters stand for themselves. It refuses too much rather than too little: `Zoe` is
/// taken where `Zoë` is.
[[nodiscard]] std::string skeleton(std::string_view name);

}  // namespace chat
