#include "protocols/length_prefixed.hpp"

namespace protocols::inline v0 {

Parsed<Bytes> LengthPrefixed::parse_varint(Bytes bytes) const {
  if (bytes.size() <= length_field_offset) return Parsed<Frame>::need(length_field_offset + 1);
  const Varint length = read_varint(bytes.subspan(length_field_offset));
  if (length.bytes == 0) return Parsed<Frame>::need(bytes.size() + 1);
  const std::size_t header_bytes = length_field_offset + length.bytes;
  if (!length.fits) return Parsed<Frame>::fail(DecodeError::bad_varint, header_bytes - 1);
  return parse_behind(header_bytes, length.value, bytes);
}

Parsed<Bytes> LengthPrefixed::parse_behind(std::size_t header_bytes, std::uint64_t length,
                                           Bytes bytes) const {
  const std::size_t last = header_bytes - 1;
  // Only the size of the adjustment is added or subtracted, so that nothing overflows.
  const auto adjustment = static_cast<std::uint64_t>(length_adjustment);
  const std::uint64_t longest = max_frame_bytes > header_bytes ? max_frame_bytes - header_bytes : 0;
  if (length_adjustment < 0) {
    if (length < 0 - adjustment) return Parsed<Frame>::fail(DecodeError::bad_length, last);
  } else if (adjustment > longest || length > longest - adjustment) {
    return Parsed<Frame>::fail(DecodeError::too_large, last);
  }
  const std::uint64_t behind = length + adjustment;
  if (behind > longest || header_bytes > max_frame_bytes) {
    return Parsed<Frame>::fail(DecodeError::too_large, last);
  }
  const std::size_t total = header_bytes + static_cast<std::size_t>(behind);
  const std::size_t strip = initial_bytes_to_strip.value_or(header_bytes);
  if (strip > total) return Parsed<Frame>::fail(DecodeError::bad_strip, last);
  if (bytes.size() < total) return Parsed<Frame>::need(total);
  return Parsed<Frame>::frame(bytes.subspan(strip, total - strip), total);
}

namespace detail {

LengthBytes encode_any_length(const LengthPrefixed& format, std::size_t payload_bytes,
                              std::size_t prefix_bytes) {
  if (prefix_bytes != format.length_field_offset) return {};
  const auto adjustment = static_cast<std::uint64_t>(format.length_adjustment);
  if (format.length_adjustment > 0 && payload_bytes < adjustment) return {};
  const std::uint64_t length = payload_bytes - adjustment;
  // A negative adjustment adds to the length; if the sum overflows, it is the smaller number.
  if (format.length_adjustment < 0 && length < payload_bytes) return {};

  LengthBytes encoded;
  const auto width = static_cast<std::size_t>(format.length_field);
  if (format.length_field == LengthField::varint) {
    encoded.size = write_varint(encoded.bytes, length);
  } else {
    const auto bytes = integer_bytes(length, width, format.byte_order);
    std::copy(bytes.begin(), bytes.end(), encoded.bytes.begin());
    encoded.size = width;
  }
  const std::size_t header_bytes = prefix_bytes + encoded.size;
  const bool fits = width == 0 || width == 8 || length >> (8 * width) == 0;
  const bool allowed = header_bytes <= format.max_frame_bytes &&
                       payload_bytes <= format.max_frame_bytes - header_bytes &&
                       format.initial_bytes_to_strip.value_or(0) <= header_bytes + payload_bytes;
  if (!fits || !allowed) encoded.size = 0;
  return encoded;
}

}  // namespace detail
}  // namespace protocols
