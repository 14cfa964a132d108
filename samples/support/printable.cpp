#include "samples/support/printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "samples/support/unicode.hpp"

namespace samples {
namespace {

// The number of bytes at the end that may be the beginning of a character.
std::size_t unfinished_bytes(std::string_view text) {
  for (std::size_t size = 1; size <= 3 && size <= text.size(); ++size) {
    const auto byte = static_cast<unsigned char>(text[text.size() - size]);
    if ((byte & 0xc0) == 0x80) continue;
    const std::size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return whole > size ? size : 0;
  }
  return 0;
}

std::string escaped_lines(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find_first_of("\r\n\t"), text.size());
    shown += escaped(text.substr(0, size));
    text.remove_prefix(size);
    if (text.starts_with("\r\n")) text.remove_prefix(1);
    if (text.empty()) break;
    shown += text.front() == '\r' ? "\\x0d" : text.substr(0, 1);
    text.remove_prefix(1);
  }
  return shown;
}

}  // namespace

std::string EscapedPieces::feed(std::string_view piece) {
  std::string text = std::exchange(rest_, {});
  text += piece;
  const std::size_t size = text.size() - unfinished_bytes(text);
  rest_ = text.substr(size);
  return escaped_lines(std::string_view(text).substr(0, size));
}

std::string EscapedPieces::finish() { return escaped(std::exchange(rest_, {})); }

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
