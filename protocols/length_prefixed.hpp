// Frames that contain their own length, in any of the common layouts.
//
//     |<- length_field_offset ->|<- length_field ->|<- value + length_adjustment ->|
//     +-------------------------+------------------+-------------------------------+
//     | what comes first        | value            | payload                       |
//     +-------------------------+------------------+-------------------------------+
//     |<-------- initial_bytes_to_strip ---------->|<-------- delivered ---------->|
//
// Names and meanings are those of Netty's LengthFieldBasedFrameDecoder. Some layouts:
//
//     u32 payload length, payload                                 the defaults
//     u16 length that counts itself, payload                      length_adjustment -2
//     u8 type, u16 length, payload, u32 checksum; all delivered   length_field_offset 1,
//                                                                 length_adjustment 4, strip 0
//     protobuf's delimited messages                               length_field varint
//
// The arithmetic is exact: no length overflows or is truncated to a smaller type.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocols/frame_decoder.hpp"
#include "protocols/integer.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// How a length is encoded; its value is its width in bytes. A varint is an unsigned LEB128 number
/// of up to 64 bits, the lowest seven bits first, as protobuf writes it.
enum class LengthField : unsigned char { varint = 0, u8 = 1, u16 = 2, u24 = 3, u32 = 4, u64 = 8 };

/// The protocol of LengthPrefixedDecoder, and its limits.
struct LengthPrefixed {
  using Frame = Bytes;
  using Progress = NoProgress;

  std::size_t max_frame_bytes = 1 << 20;  ///< The limit of the whole frame, with what is stripped.
  std::size_t length_field_offset = 0;
  LengthField length_field = LengthField::u32;
  std::endian byte_order = std::endian::big;  ///< A varint has none.
  std::int64_t length_adjustment = 0;         ///< Negative if the length counts its header too.
  std::optional<std::size_t> initial_bytes_to_strip = {};  ///< By default all up to the payload.

  /// Errors    DecodeError::too_large, bad_length (negative after the adjustment), bad_strip,
  ///           bad_varint: each at the last byte of the length field.
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress&) const;

 private:
  Parsed<Frame> parse_varint(Bytes bytes) const;
  Parsed<Frame> parse_behind(std::size_t header_bytes, std::uint64_t length, Bytes bytes) const;
};

/// Splits a stream at the lengths in it.
///
///     LengthPrefixedDecoder decoder({.max_frame_bytes = 4096});
using LengthPrefixedDecoder = FrameDecoder<LengthPrefixed>;

namespace detail {

inline constexpr LengthPrefixed default_length_prefixed{};

}  // namespace detail

/// Appends `prefix`, which fills the bytes before the length field, the length, and the payload.
/// Returns false, and appends nothing, when a decoder of this format would not return the payload:
/// it is too long for the field or for `max_frame_bytes`, or shorter than the adjustment or than
/// what is to be stripped.
template <Output O>
[[nodiscard]] bool append_length_prefixed(
    O& out, Bytes payload, const LengthPrefixed& format = detail::default_length_prefixed,
    Bytes prefix = {});

/// The same without the payload, of which the caller writes `payload_bytes` next.
template <Output O>
[[nodiscard]] bool append_length_header(
    O& out, std::size_t payload_bytes,
    const LengthPrefixed& format = detail::default_length_prefixed, Bytes prefix = {});

namespace detail {

/// The bytes of a length field; none when a decoder would not return the payload.
struct LengthBytes {
  std::array<std::byte, Varint::max_bytes> bytes;
  std::size_t size = 0;

  [[nodiscard]] Bytes view() const { return Bytes(bytes).first(size); }
};

[[nodiscard]] LengthBytes encode_any_length(const LengthPrefixed& format, std::size_t payload_bytes,
                                            std::size_t prefix_bytes);

[[nodiscard]] inline LengthBytes encode_length(const LengthPrefixed& format,
                                               std::size_t payload_bytes,
                                               std::size_t prefix_bytes) {
  const auto width = static_cast<std::size_t>(format.length_field);
  const bool is_plain = format.length_adjustment == 0 && !format.initial_bytes_to_strip &&
                        format.length_field_offset == 0 && prefix_bytes == 0 &&
                        width == sizeof(std::uint32_t);
  if (!is_plain || payload_bytes > UINT32_MAX || format.max_frame_bytes < width ||
      payload_bytes > format.max_frame_bytes - width) {
    return encode_any_length(format, payload_bytes, prefix_bytes);
  }
  LengthBytes length;
  const auto bytes = integer_bytes(payload_bytes, width, format.byte_order);
  std::copy(bytes.begin(), bytes.end(), length.bytes.begin());
  length.size = width;
  return length;
}

}  // namespace detail

template <Output O>
bool append_length_prefixed(O& out, Bytes payload, const LengthPrefixed& format, Bytes prefix) {
  const auto length = detail::encode_length(format, payload.size(), prefix.size());
  if (length.size == 0) return false;
  detail::append_frame(out, prefix, length.view(), payload);
  return true;
}

template <Output O>
bool append_length_header(O& out, std::size_t payload_bytes, const LengthPrefixed& format,
                          Bytes prefix) {
  const auto length = detail::encode_length(format, payload_bytes, prefix.size());
  if (length.size == 0) return false;
  detail::append_frame(out, prefix, length.view());
  return true;
}

inline Parsed<Bytes> LengthPrefixed::parse(Bytes bytes, Progress&) const {
  if (length_field == LengthField::varint) return parse_varint(bytes);
  const auto width = static_cast<std::size_t>(length_field);
  const std::size_t header_bytes = length_field_offset + width;
  if (bytes.size() < header_bytes) return Parsed<Frame>::need(header_bytes);
  const std::uint64_t length = read_integer(bytes.subspan(length_field_offset), width, byte_order);
  // Whole frames of a plain format. What has arrived limits the length, so nothing overflows.
  const bool is_plain = length_adjustment == 0 && !initial_bytes_to_strip;
  if (is_plain && length <= bytes.size() - header_bytes) {
    const std::size_t total = header_bytes + static_cast<std::size_t>(length);
    if (total <= max_frame_bytes) {
      return Parsed<Frame>::frame(bytes.first(total).subspan(header_bytes), total);
    }
  }
  return parse_behind(header_bytes, length, bytes);
}

}  // namespace protocols
#pragma GCC visibility pop
