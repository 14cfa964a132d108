// The time as text, asked for by a datagram that holds a format of strftime: what to answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/bytes.hpp"

namespace samples {

/// What an empty request means, and how a timestamp is shown.
inline constexpr std::string_view default_time_format = "%Y-%m-%d %X";

/// An answer has no more bytes than this, and than the request and `max_time_text_growth` more: a
/// server that answers whoever seems to ask must not multiply what it is sent.
inline constexpr std::size_t max_time_text_bytes = 512;
inline constexpr std::size_t max_time_text_growth = 64;

/// The answer to a request, in the process's locale and time zone (`TZ`):
///
///     %H:%M         a format of POSIX strftime, without widths and flags: `now` in that format
///     (empty)       `now` as 2024-10-27 02:30:00
///     1700000000    decimal, perhaps negative: that Unix time, in the same way
///     1700000000.25 with a fraction, as Python's time.time() gives it: rounded down to the second
///
/// Anything else, and what would be longer than an answer may be, is answered by one line that
/// begins with `error: `. Nothing for such a line itself, which another server must have sent.
///
/// Thread    Any, while nobody changes the environment.
[[nodiscard]] std::optional<std::string> answer_time_text(protocols::Bytes request,
                                                          std::chrono::sys_seconds now);

}  // namespace samples
