// Netstrings, as D. J. Bernstein defines them (cr.yp.to/proto/netstrings.txt).
//
//     +----------------+-----+---------------------+-----+
//     | decimal length | ":" | payload             | "," |       12:hello world!,
//     +----------------+-----+---------------------+-----+
//
// The length has no leading zero; the empty string is "0:,".
#pragma once

#include <cstddef>
#include <vector>

#include "protocols/frame_decoder.hpp"

namespace protocols {

struct Netstring {
  using Frame = Bytes;
  using Progress = NoProgress;

  std::size_t max_payload_bytes = 1 << 20;

  /// Errors    DecodeError::too_large (at the digit that exceeds the limit), bad_length,
  ///           leading_zero, missing_comma
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress&) const;
};

/// Splits a stream of netstrings.
///
///     NetstringDecoder decoder({.max_payload_bytes = 4096});
using NetstringDecoder = FrameDecoder<Netstring>;

/// Appends `payload` as a netstring.
void append_netstring(std::vector<std::byte>& out, Bytes payload);

}  // namespace protocols
