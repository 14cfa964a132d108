// SLIP: packets on a serial line (RFC 1055).
//
//     +---------------------------------------+-----+
//     | packet, with END and ESC escaped      | END |    END C0   in the packet: DB DC
//     +---------------------------------------+-----+    ESC DB   in the packet: DB DD
//
// An END before a packet flushes line noise, so empty packets mean nothing and are dropped. Any
// other byte after an ESC is refused; RFC 1055's own sample code would accept it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "protocols/frame_decoder.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// The protocol of SlipDecoder, and its limits.
struct Slip {
  using Frame = Bytes;
  /// How far an incomplete frame was read.
  struct Progress {
    std::size_t scanned = 0;   ///< There is no bad escape and no excess byte before this.
    std::size_t escapes = 0;   ///< The escapes before it.
    std::size_t searched = 0;  ///< There is no END before this.
  };

  std::size_t max_payload_bytes = 65536;        ///< RFC 1055 recommends 1006.
  std::vector<std::byte> unescaped_frame = {};  ///< Contains a frame that had escapes, no other.

  /// Errors    DecodeError::too_large, bad_escape
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress);

 private:
  Parsed<Frame> parse_carefully(Bytes bytes, Progress& progress);
  void unescape(Bytes packet);
};

/// Splits a stream of SLIP packets. A packet without escapes is a view of the stream.
///
///     SlipDecoder decoder({.max_payload_bytes = 1006});
using SlipDecoder = FrameDecoder<Slip>;

/// Appends `payload` between two ENDs. Returns false, and appends nothing, when it is empty: no
/// decoder would return that.
template <Output O>
[[nodiscard]] bool append_slip(O& out, Bytes payload);

namespace detail {

inline constexpr std::byte slip_end{0xC0};
inline constexpr std::byte slip_escape{0xDB};
inline constexpr std::array slip_escaped_end{slip_escape, std::byte{0xDC}};
inline constexpr std::array slip_escaped_escape{slip_escape, std::byte{0xDD}};

}  // namespace detail

template <Output O>
bool append_slip(O& out, Bytes payload) {
  if (payload.empty()) return false;
  const auto is_special = [](std::byte byte) {
    return byte == detail::slip_end || byte == detail::slip_escape;
  };
  detail::PartWriter<O> parts(out);
  parts.add({&detail::slip_end, 1});
  for (auto at = payload.begin(); at != payload.end();) {
    const auto special = std::find_if(at, payload.end(), is_special);
    if (special != at) parts.add({at, special});
    if (special == payload.end()) break;
    parts.add(*special == detail::slip_end ? detail::slip_escaped_end
                                           : detail::slip_escaped_escape);
    at = special + 1;
  }
  parts.add({&detail::slip_end, 1});
  parts.finish();
  return true;
}

inline Parsed<Bytes> Slip::parse(Bytes bytes, Progress& progress) {
  constexpr std::byte end = detail::slip_end;
  constexpr std::byte escape = detail::slip_escape;
  if (bytes.front() == end) {
    const auto packet =
        std::find_if(bytes.begin(), bytes.end(), [](std::byte byte) { return byte != end; });
    return Parsed<Frame>::skip(static_cast<std::size_t>(packet - bytes.begin()));
  }
  // Whole packets without an escape. All else is found out from the beginning.
  if (progress.searched == 0) {
    const std::string_view text = as_text(bytes);
    const std::size_t size = text.find(static_cast<char>(end));
    if (size <= max_payload_bytes && size != text.npos &&
        text.substr(0, size).find(static_cast<char>(escape)) == text.npos) {
      return Parsed<Frame>::frame(bytes.first(size), size + 1);
    }
  }
  return parse_carefully(bytes, progress);
}

}  // namespace protocols
#pragma GCC visibility pop
