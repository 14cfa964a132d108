// Netstrings, as D. J. Bernstein defines them (cr.yp.to/proto/netstrings.txt).
//
//     +----------------+-----+---------------------+-----+
//     | decimal length | ":" | payload             | "," |       12:hello world!,
//     +----------------+-----+---------------------+-----+
//
// The length has no leading zero; the empty string is "0:,".
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "protocols/frame_decoder.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// The protocol of NetstringDecoder, and its limits.
struct Netstring {
  using Frame = Bytes;
  using Progress = NoProgress;

  std::size_t max_payload_bytes = 1 << 20;

  /// Errors    DecodeError::too_large (at the digit that exceeds the limit), bad_length,
  ///           leading_zero, missing_comma
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress&) const;

 private:
  [[nodiscard]] Parsed<Frame> parse_carefully(Bytes bytes) const;
};

/// Splits a stream of netstrings.
///
///     NetstringDecoder decoder({.max_payload_bytes = 4096});
using NetstringDecoder = FrameDecoder<Netstring>;

/// Appends `payload` as a netstring.
template <Output O>
void append_netstring(O& out, Bytes payload) {
  detail::ShortHeader header;
  header.append_decimal(payload.size());
  header.append(":");
  detail::append_frame(out, header.view(), payload, as_bytes(","));
}

inline Parsed<Bytes> Netstring::parse(Bytes bytes, Progress&) const {
  // Whole netstrings with a length that cannot overflow. All else is found out from the beginning.
  constexpr std::size_t most_digits = 9;
  const std::string_view text = as_text(bytes);
  const std::size_t end = std::min(text.size(), most_digits + 1);
  std::size_t length = 0, at = 0;
  for (; at < end && text[at] >= '0' && text[at] <= '9'; ++at) {
    length = 10 * length + static_cast<std::size_t>(text[at] - '0');
  }
  const std::size_t comma = at + 1 + length;
  const bool is_number = at > 0 && at <= most_digits && (at == 1 || text[0] != '0');
  if (is_number && length <= max_payload_bytes && comma < text.size() && text[at] == ':' &&
      text[comma] == ',') {
    return Parsed<Frame>::frame(bytes.subspan(at + 1, length), comma + 1);
  }
  return parse_carefully(bytes);
}

}  // namespace protocols
#pragma GCC visibility pop
