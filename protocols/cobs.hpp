// COBS: Consistent Overhead Byte Stuffing (S. Cheshire and M. Baker, 1999), frames ended by a zero.
//
//     +------+--------------+------+--------------+-----+
//     | code | code-1 bytes | code | code-1 bytes | 00  |    no zero but the last
//     +------+--------------+------+--------------+-----+
//
// Between two blocks the payload has a zero, unless the code of the first one is FF: that block is
// full. Zeros between frames mean nothing: the empty payload is 01 00, not 00.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "protocols/frame_decoder.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// The protocol of CobsDecoder, and its limits.
struct Cobs {
  using Frame = Bytes;
  /// How far an incomplete frame was read.
  struct Progress {
    std::size_t scanned = 0;  ///< There is no zero before this.
    std::size_t block = 0;    ///< Position of the code of the current block.
    std::size_t payload = 0;  ///< Bytes of payload in the blocks before it.
    bool zero_due = false;    ///< The payload has a zero between those and this one.
  };

  std::size_t max_payload_bytes = 65536;
  std::vector<std::byte> unstuffed_frame = {};  ///< Holds a frame of more than one block.

  /// Errors    DecodeError::too_large, bad_cobs (the zero that ends a block too early)
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress);

 private:
  void unstuff(Bytes blocks);
};

/// Cuts a stream of COBS frames. One without zeros, of up to 254 bytes, is a view of the stream.
///
///     CobsDecoder decoder({.max_payload_bytes = 1500});
using CobsDecoder = FrameDecoder<Cobs>;

namespace detail {

// Each byte at its own index.
inline constexpr auto cobs_codes = [] {
  std::array<std::byte, 256> codes{};
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::byte>(i);
  return codes;
}();

}  // namespace detail

/// Appends `payload` as one frame, its zero included.
template <Output O>
void append_cobs(O& out, Bytes payload) {
  constexpr std::size_t longest_block = 254;
  detail::PartWriter<O> parts(out);
  for (;;) {
    const Bytes candidates = payload.first(std::min(payload.size(), longest_block));
    const auto stop = std::find(candidates.begin(), candidates.end(), std::byte{0});
    const auto size = static_cast<std::size_t>(stop - candidates.begin());
    parts.add({&detail::cobs_codes[size + 1], 1});
    if (size > 0) parts.add(candidates.first(size));
    payload = payload.subspan(size);
    if (payload.empty()) break;
    // After a full block the next one follows directly; any other block includes the zero after it.
    if (size < longest_block) payload = payload.subspan(1);
  }
  parts.add({detail::cobs_codes.data(), 1});
  parts.finish();
}

}  // namespace protocols
#pragma GCC visibility pop
