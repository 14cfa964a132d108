// The line before each chunk (RFC 9112 7.1): its size, and extensions, which are ignored here.
//
//     1A2b ; name = value ; name = "quoted \" value" CR LF
#pragma once

namespace protocols::inline v0::http {

enum class ChunkLineState : unsigned char {
  begin,
  size,        // Digits of the size.
  size_blank,  // Blanks after the size or after a value.
  name_blank,  // Before a name.
  name,
  name_end,     // Blanks after a name.
  value_blank,  // Before a value.
  value,
  quoted,
  escaped,
  quoted_end,
  line,  // After its CR; only its LF may follow.
  done,
  wrong,
};

/// The state after byte `c`; `done` after the LF, `wrong` if `c` is not allowed here.
[[nodiscard]] ChunkLineState next_state(ChunkLineState state, char c);

}  // namespace protocols::http
