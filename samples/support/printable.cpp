#include "samples/support/printable.hpp"

#include <fmt/format.h>

#include <cstddef>

namespace samples {
namespace {

constexpr char32_t ill_formed = 0x110000;  // One more than the last code point.

struct Decoded {
  char32_t code;
  std::size_t size;
};

// The first character of `text`, by the table of well-formed byte sequences (Unicode, table 3-7).
// What is ill-formed ends before the first byte that cannot belong to it.
Decoded decode(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xc2 || lead > 0xf4) return {ill_formed, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  // The second byte tells overlong forms, surrogates, and what lies beyond Unicode.
  unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  char32_t code = lead & (0x7fU >> size);
  for (std::size_t at = 1; at < size; ++at) {
    if (at == text.size() || byte(at) < lowest || byte(at) > highest) return {ill_formed, at};
    code = code << 6 | (byte(at) & 0x3fU);
    lowest = 0x80;
    highest = 0xbf;
  }
  return {code, size};
}

bool commands_terminal(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

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
