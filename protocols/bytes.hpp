// Bytes as decoders take them and encoders make them, and their conversion to and from text.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

namespace protocols::inline v0 {

/// A view of bytes that it does not own.
using Bytes = std::span<const std::byte>;

/// The same bytes, seen as text; nothing is checked or copied.
[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The same text, seen as bytes.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace protocols
