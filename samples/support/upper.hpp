// Text in upper case, for the servers that echo.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace samples {

/// The bytes, with the letters a to z replaced by A to Z.
[[nodiscard]] inline std::string upper(std::span<const std::byte> bytes) {
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (char& letter : text) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return text;
}

}  // namespace samples
