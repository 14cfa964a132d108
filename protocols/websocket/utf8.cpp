#include "protocols/websocket/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace protocols::inline v0::websocket {
namespace {

constexpr std::uint64_t high_bits = 0x8080808080808080;

std::uint64_t word_at(const std::byte* place) {
  std::uint64_t word;
  std::memcpy(&word, place, sizeof word);
  return word;
}

// The first byte from `at` on that may not be ASCII, looking at many bytes at once.
std::size_t skip_ascii(const std::byte* bytes, std::size_t at, std::size_t size) {
  for (; size - at >= 32; at += 32) {
    const std::uint64_t all = word_at(bytes + at) | word_at(bytes + at + 8) |
                              word_at(bytes + at + 16) | word_at(bytes + at + 24);
    if ((all & high_bits) != 0) break;
  }
  for (; size - at >= 8; at += 8) {
    if ((word_at(bytes + at) & high_bits) != 0) break;
  }
  while (at < size && std::to_integer<unsigned char>(bytes[at]) < 0x80) ++at;
  return at;
}

}  // namespace

// RFC 3629 4: no overlong form, no surrogate, nothing above U+10FFFF.
bool Utf8Check::begin_character(unsigned char byte) {
  if (byte < 0xC2 || byte > 0xF4) return false;
  missing_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  low_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
  high_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
  return true;
}

std::size_t Utf8Check::add(Bytes piece) {
  const std::byte* const bytes = piece.data();
  for (std::size_t at = 0; at < piece.size(); ++at) {
    if (missing_ == 0) {
      at = skip_ascii(bytes, at, piece.size());
      if (at == piece.size()) break;
      if (!begin_character(std::to_integer<unsigned char>(bytes[at]))) return at;
      continue;
    }
    const auto byte = std::to_integer<unsigned char>(bytes[at]);
    if (byte < low_ || byte > high_) return at;
    --missing_;
    low_ = 0x80;
    high_ = 0xBF;
  }
  return piece.size();
}

}  // namespace protocols::websocket
