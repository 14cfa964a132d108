// Base64 (RFC 4648, section 4): bytes as text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

namespace protocols {

[[nodiscard]] std::string to_base64(std::string_view bytes);

/// Nothing when `text` is not what to_base64() writes: padding is part of it, and the bits that the
/// last character has too many are zero.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace protocols
