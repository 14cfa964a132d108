// Names that people can distinguish.
#pragma once

#include <string>
#include <string_view>

namespace chat {

/// True when each character of the well-formed `name` is visible, and the first one is not a mark
/// on the text before it.
[[nodiscard]] bool is_visible(std::string_view name);

/// True when `name` has a stylistic form of other characters: full-width, mathematical, enclosed,
/// raised or lowered letters and digits, ligatures and presentation forms (most of what NFKC
/// replaces).
[[nodiscard]] bool has_variants(std::string_view name);

/// Returns equal texts for names that look alike. Capital letters become small ones. Accented
/// letters, and the Greek and Cyrillic letters that look like Latin ones, become Latin letters.
/// Combining marks are left out; `1`, `i` and `|` become `l`, `0` becomes `o`, `m` becomes `rn` and
/// `w` becomes `vv`. Other characters stay. The rule refuses too much rather than too little: `Zoe`
/// is taken where `Zoë` is.
[[nodiscard]] std::string skeleton(std::string_view name);

}  // namespace chat
