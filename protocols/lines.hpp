// Lines of text: each ends in LF, or in CR LF.
//
//     +-------------+----+----+
//     | text        | CR | LF |    the CR is optional; one that no LF follows is text
//     +-------------+----+----+
//
// The last line has its end too: text without one is an unfinished line.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "protocols/frame_decoder.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// How a line that is written ends.
enum class LineEnd : unsigned char { lf, crlf };

/// The protocol of LineDecoder, and its limits.
struct Lines {
  using Frame = std::string_view;
  using Progress = std::size_t;

  std::size_t max_line_bytes = 65536;  ///< Of the text, without its end.
  bool strip = true;                   ///< Deliver the text without its end.
  bool accept_crlf = true;             ///< False: a CR before the LF is text as well.

  /// Errors    DecodeError::too_large
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& scanned) const;
};

/// Cuts text into lines.
///
///     LineDecoder decoder({.max_line_bytes = 4096});
using LineDecoder = FrameDecoder<Lines>;

/// Appends `text` and its end. Returns false, and appends nothing, when a decoder would not return
/// the text as this one line: it contains an LF, or has a CR that would be taken for a part of the
/// end.
template <Output O>
[[nodiscard]] bool append_line(O& out, std::string_view text, LineEnd end = LineEnd::lf) {
  if (text.find('\n') != text.npos) return false;
  if (end == LineEnd::lf && text.ends_with('\r')) return false;
  const Bytes line_end = as_bytes(end == LineEnd::lf ? "\n" : "\r\n");
  detail::append_frame(out, as_bytes(text), line_end);
  return true;
}

inline Parsed<Lines::Frame> Lines::parse(Bytes bytes, Progress& scanned) const {
  const std::string_view text = as_text(bytes);
  const bool overfull = text.size() > max_line_bytes;
  const std::size_t searched =
      overfull ? std::min(text.size(), max_line_bytes + (accept_crlf ? 2 : 1)) : text.size();
  const void* found = std::memchr(text.data() + scanned, '\n', searched - scanned);
  if (found) {
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    const std::size_t content = end - (accept_crlf && end > 0 && text[end - 1] == '\r' ? 1 : 0);
    if (content <= max_line_bytes) {
      return Parsed<Frame>::frame(text.substr(0, strip ? content : end + 1), end + 1);
    }
  }
  // The first excess byte may be the CR of an end; then the byte after it decides.
  if (overfull) {
    const std::size_t certain =
        max_line_bytes + (accept_crlf && text[max_line_bytes] == '\r' ? 1 : 0);
    if (text.size() > certain) return Parsed<Frame>::fail(DecodeError::too_large, certain);
  }
  scanned = searched;
  return Parsed<Frame>::need(bytes.size() + 1);
}

}  // namespace protocols
#pragma GCC visibility pop
