// Reads a head that has arrived whole and is not unusual, which nearly all are. This is the fast
// path. SectionReader reads all others step by step, and finds what is wrong with them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocols/http/message.hpp"
#include "protocols/http/scan.hpp"
#include "protocols/http/section.hpp"
#include "protocols/http/signals.hpp"
#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {

inline bool is_line_end(const char* at) { return at[0] == '\r' && at[1] == '\n'; }

/// Finds the lines of the head at the front of `text`, a start line and fields, up to the empty
/// one: the end of each line, and of its first token. It does not check the bytes there, which
/// should be CR LF and a colon. Returns the size of the head; 0 if it is incomplete, if `index` has
/// no room for it, or if a line begins with no token or contains a control character.
///
/// All line beginnings and name ends of a block are found together. Adding a bit to the first of a
/// run of ones carries it to the end of the run:
///
///     bytes         CR LF  H o s t  :     h CR LF
///     tokens         0  0  1 1 1 1  0  0  1  0  0
///     begins         0  0  1 0 0 0  0  0  0  0  0
///     their sum      0  0  0 0 0 0  1  0  1  0  0     and not tokens: the end of a name
inline std::size_t index_plain_head(std::string_view text, FieldIndex& index) {
  const std::span<Fields::Place> room = index.room();
  std::size_t names = 0;
  std::size_t ends = 0;
  // What the previous block carries over into this one.
  std::uint64_t begins_line = 1;
  std::uint64_t in_name = 0;
  std::uint64_t after_stop = 0;
  std::uint64_t after_end = 0;
  for (std::size_t at = 0; at < text.size(); at += block_bytes) {
    const Stops stops = stops_at(text, at, find_stops);
    // A line ends with two stops and contains no others.
    const std::uint64_t line_ends = stops.text & ~(stops.text << 1 | after_stop);
    const std::uint64_t begins = line_ends << 2 | begins_line;
    const std::uint64_t tokens = ~stops.token;
    const std::uint64_t sum = tokens + (begins | in_name);
    const std::uint64_t name_ends = sum & stops.token;
    const std::uint64_t empty_line = begins & stops.text;
    const std::uint64_t ahead = (empty_line - 1) & ~empty_line;
    const std::uint64_t wrong =
        (stops.text & ~(line_ends | line_ends << 1 | after_end)) | (name_ends & begins);
    if ((wrong & ahead) != 0) return 0;
    const auto place = [at](std::uint64_t bits) {
      return static_cast<std::uint32_t>(at + static_cast<std::size_t>(std::countr_zero(bits)));
    };
    for (std::uint64_t left = name_ends & ahead; left != 0; left &= left - 1) {
      if (names == room.size()) return 0;
      room[names++].name_end = place(left);
    }
    for (std::uint64_t left = line_ends & ahead; left != 0; left &= left - 1) {
      room[ends++].end = place(left);
    }
    if (empty_line != 0) {
      index.set_size(ends);
      const std::size_t end = place(empty_line);
      const bool is_whole = ends > 0 && end + 2 <= text.size() && is_line_end(text.data() + end);
      return is_whole ? end + 2 : 0;
    }
    begins_line = line_ends >> 62;
    in_name = sum < tokens;
    after_stop = stops.text >> 63;
    after_end = line_ends >> 63;
  }
  return 0;
}

/// Whether the lines after the first are fields, and `judge(name, value, number)` finds nothing
/// wrong with those that may_be_noted().
template <class Judge>
[[gnu::always_inline]] inline bool are_plain_fields(const char* text,
                                                    std::span<const Fields::Place> lines,
                                                    const Limits& limits, Judge judge) {
  if (lines.size() - 1 > limits.max_fields) return false;
  std::size_t begin = lines[0].end + 2;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto [name_end, end] = lines[i];
    if (text[name_end] != ':' || !is_line_end(text + end) || end - begin > limits.max_field_bytes) {
      return false;
    }
    const std::string_view name(text + begin, name_end - begin);
    begin = end + 2;
    if (!may_be_noted(name)) continue;
    const std::string_view value(text + name_end + 1, end - name_end - 1);
    if (judge(name, trim_line(value), static_cast<std::uint32_t>(i)) != DecodeError{}) return false;
  }
  return true;
}

}  // namespace protocols::http
