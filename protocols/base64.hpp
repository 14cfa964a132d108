// Base64 (RFC 4648, section 4): bytes as text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// The text that stands for these bytes, padded to four characters.
[[nodiscard]] std::string to_base64(std::string_view bytes);

/// Returns nothing when `text` is not what to_base64() writes: padding is required, and the unused
/// bits of the last character are zero.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace protocols
#pragma GCC visibility pop
