// Dates as HTTP writes them (RFC 9110 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// A point in time, to the second; the program reads it from its clock.
using Date = std::chrono::sys_seconds;

/// A date before the year 0 or after the year 9999 is written as the first or last date between.
[[nodiscard]] std::string format_date(Date date);

/// Also accepts the two old forms: `Sunday, 06-Nov-94 08:49:37 GMT`, with years from 1970 to 2069,
/// and `Sun Nov  6 08:49:37 1994`. Returns nothing if the text has none of these forms, or no such
/// day exists. The day of the week is not checked.
[[nodiscard]] std::optional<Date> parse_date(std::string_view text);

}  // namespace protocols::http
#pragma GCC visibility pop
