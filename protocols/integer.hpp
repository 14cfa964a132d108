// Unsigned integers as protocols write them: one to eight bytes in either order, and varints.
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "protocols/bytes.hpp"

namespace protocols::inline v0 {

/// The integer in the first `width` bytes, 1 to 8 of them.
[[nodiscard]] inline std::uint64_t read_integer(Bytes bytes, std::size_t width, std::endian order) {
  assert(width >= 1 && width <= 8 && width <= bytes.size());
  std::uint64_t value = 0;
  if (bytes.size() >= sizeof value) {  // One load; the bytes after the integer are shifted out.
    std::memcpy(&value, bytes.data(), sizeof value);
    if (order != std::endian::native) value = __builtin_bswap64(value);
    const std::size_t excess = 8 * (sizeof value - width);
    return order == std::endian::big ? value >> excess : value << excess >> excess;
  }
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t place = order == std::endian::big ? i : width - 1 - i;
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[place]);
  }
  return value;
}

/// The lowest `width` bytes of `value` come first; the others mean nothing.
[[nodiscard]] inline std::array<std::byte, 8> integer_bytes(std::uint64_t value, std::size_t width,
                                                            std::endian order) {
  assert(width >= 1 && width <= 8);
  if (order == std::endian::big) value <<= 8 * (sizeof value - width);
  if (order != std::endian::native) value = __builtin_bswap64(value);
  return std::bit_cast<std::array<std::byte, sizeof value>>(value);
}

/// Appends the lowest `width` bytes of `value`.
inline void append_integer(std::vector<std::byte>& out, std::uint64_t value, std::size_t width,
                           std::endian order) {
  const auto bytes = integer_bytes(value, width, order);
  out.insert(out.end(), bytes.data(), bytes.data() + width);
}

/// An unsigned LEB128 number: seven bits a byte, the lowest first; the top bit is set if more bytes
/// follow.
struct Varint {
  static constexpr std::size_t max_bytes = 10;

  std::uint64_t value = 0;
  std::size_t bytes = 0;  ///< 0 while its end has not arrived.
  bool fits = true;       ///< False if it has more than 64 bits; known at its tenth byte.
};

/// The varint at the front of `bytes`.
[[nodiscard]] inline Varint read_varint(Bytes bytes) {
  Varint varint;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    varint.value |= (byte & 0x7F) << (7 * i);
    if (i + 1 == Varint::max_bytes) varint.fits = byte <= 1;
    if (byte < 0x80 || i + 1 == Varint::max_bytes) {
      varint.bytes = i + 1;
      break;
    }
  }
  return varint;
}

/// Writes `value` to the front of `out`, and returns how many bytes that took.
[[nodiscard]] inline std::size_t write_varint(std::span<std::byte, Varint::max_bytes> out,
                                              std::uint64_t value) {
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7) out[size++] = static_cast<std::byte>(value | 0x80);
  out[size++] = static_cast<std::byte>(value);
  return size;
}

/// Appends a varint of 1 to 10 bytes.
inline void append_varint(std::vector<std::byte>& out, std::uint64_t value) {
  std::array<std::byte, Varint::max_bytes> bytes;
  out.insert(out.end(), bytes.data(), bytes.data() + write_varint(bytes, value));
}

}  // namespace protocols
