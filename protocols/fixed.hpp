// Frames that all have the same size, with nothing between them: records, samples, MPEG-TS packets.
//
//     +------------------+------------------+------------------+
//     | frame_bytes      | frame_bytes      | frame_bytes      |
//     +------------------+------------------+------------------+
#pragma once

#include <array>
#include <cassert>
#include <cstddef>

#include "protocols/frame_decoder.hpp"
#include "protocols/output.hpp"

namespace protocols::inline v0 {

/// The protocol of FixedDecoder, and its limits.
struct Fixed {
  using Frame = Bytes;
  using Progress = NoProgress;

  std::size_t frame_bytes = 0;  ///< At least 1; required.

  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress&) const {
    assert(frame_bytes > 0);
    if (bytes.size() < frame_bytes) return Parsed<Frame>::need(frame_bytes);
    return Parsed<Frame>::frame(bytes.first(frame_bytes), frame_bytes);
  }
};

/// Splits a stream into frames of one size. Every byte is valid, so there is no error.
///
///     FixedDecoder decoder({.frame_bytes = 188});
using FixedDecoder = FrameDecoder<Fixed>;

/// Appends one frame. Returns false, and appends nothing, when it does not have that size.
template <Output O>
[[nodiscard]] bool append_fixed(O& out, Bytes frame, Fixed format) {
  if (frame.size() != format.frame_bytes) return false;
  detail::append_frame(out, frame);
  return true;
}

}  // namespace protocols
