// The time as text: the response to a datagram that contains a format of strftime.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/bytes.hpp"

namespace samples {

/// The format for an empty request, and for a timestamp.
inline constexpr std::string_view default_time_format = "%Y-%m-%d %X";

/// A response has no more bytes than this, and at most `max_time_text_growth` bytes more than the
/// request: a server that responds to possibly forged senders must not multiply what it receives.
inline constexpr std::size_t max_time_text_bytes = 512;
inline constexpr std::size_t max_time_text_growth = 64;

/// The response to a request, in the process's locale and time zone (`TZ`):
///
///     %H:%M         a format of POSIX strftime, without widths and flags: `now` in that format
///     (empty)       `now` as 2024-10-27 02:30:00
///     1700000000    decimal, perhaps negative: that Unix time, in the same way
///     1700000000.25 with a fraction, as Python's time.time() gives it: rounded down to the second
///
/// The response to anything else, and to what would be too long, is one line that begins with
/// `error: `. There is no response to such a line itself, which another server must have sent.
///
/// Thread    Any, while no thread changes the environment.
[[nodiscard]] std::optional<std::string> answer_time_text(protocols::Bytes request,
                                                          std::chrono::sys_seconds now);

}  // namespace samples
