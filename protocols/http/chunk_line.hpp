// The line in front of each chunk (RFC 9112 7.1): its size, and extensions that mean nothing here.
//
//     1A2b ; name = value ; name = "quoted \" value" CR LF
#pragma once

namespace protocols::http {

enum class ChunkLineState : unsigned char {
  begin,
  size,        // Digits of the size.
  size_blank,  // Blanks behind the size or behind a value.
  name_blank,  // In front of a name.
  name,
  name_end,     // Blanks behind a name.
  value_blank,  // In front of a value.
  value,
  quoted,
  escaped,
  quoted_end,
  line,  // Its CR is there, and nothing but its LF may follow.
  done,
  wrong,
};

/// The state behind byte `c`; `done` behind the LF, `wrong` where `c` may not stand.
[[nodiscard]] ChunkLineState next_state(ChunkLineState state, char c);

}  // namespace protocols::http
