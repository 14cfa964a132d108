#include "samples/support/printable.hpp"

#include <fmt/format.h>

#include <cstddef>

#include "samples/support/unicode.hpp"

namespace samples {
std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto [code, size] = decode(text);
    if (code == ill_formed) {
      shown += "\xef\xbf\xbd";
    } else if (code == '\t') {
      shown += ' ';
    } else if (!commands_terminal(code)) {
      shown += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return shown;
}

std::string escaped(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto [code, size] = decode(text);
    const std::string_view character = text.substr(0, size);
    if (code != ill_formed && !commands_terminal(code)) {
      shown += character;
    } else {
      for (const char byte : character) {
        shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    }
    text.remove_prefix(size);
  }
  return shown;
}

}  // namespace samples
