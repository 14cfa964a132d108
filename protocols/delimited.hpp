// Frames that end with a given byte string.
//
//     +----------+-----------+--------------+-----------+
//     | content  | delimiter | content      | delimiter |
//     +----------+-----------+--------------+-----------+
//
// Of several delimiters the one that begins first ends the frame, and of those that begin at the
// same byte the shortest. So a delimiter that begins with another one is never found.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/frame_decoder.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// The protocol of DelimitedDecoder, and its limits.
struct Delimited {
  using Frame = Bytes;
  /// How far an incomplete frame was read.
  struct Progress {
    std::size_t start = 0;  ///< Where to search for the next delimiter.
    std::size_t seen = 0;   ///< The bytes which showed that none begins before `start`.
  };
  static constexpr bool looks_ahead = true;

  std::vector<std::string> delimiters;  ///< At least one, none of them empty; required.
  std::size_t max_frame_bytes = 65536;  ///< Of the content, without the delimiter.
  bool strip = true;                    ///< Deliver the content without its delimiter.

  /// Errors    DecodeError::too_large
  /// Cost      A memchr for the first byte of a single delimiter; a comparison a byte for several.
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress) const;

  /// Whether a decoder returns `content`, if the first of the delimiters follows it.
  [[nodiscard]] bool returns(Bytes content) const;

 private:
  [[nodiscard]] std::size_t find_start(std::string_view text, std::size_t from) const;
  [[nodiscard]] std::size_t too_large_at(std::string_view text) const;
};

/// Cuts a stream at a delimiter.
///
///     DelimitedDecoder decoder({.delimiters = {"\r\n\r\n"}});
using DelimitedDecoder = FrameDecoder<Delimited>;

/// Appends `content` and the first of the delimiters. Returns false, and appends nothing, when a
/// decoder of this format would not return the content: it is too long, or contains a delimiter.
template <Output O>
[[nodiscard]] bool append_delimited(O& out, Bytes content, const Delimited& format) {
  if (!format.returns(content)) return false;
  detail::append_frame(out, content, as_bytes(format.delimiters.front()));
  return true;
}

}  // namespace protocols
#pragma GCC visibility pop
