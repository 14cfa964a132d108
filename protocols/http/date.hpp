// Dates as HTTP writes them (RFC 9110 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

namespace protocols::http {

/// A point in time, to the second; the program asks its clock for it.
using Date = std::chrono::sys_seconds;

/// What is before the year 0 or behind the year 9999 is written as the first or last of these.
[[nodiscard]] std::string format_date(Date date);

/// Also the two old forms: `Sunday, 06-Nov-94 08:49:37 GMT`, whose years are taken for 1970 to 2069,
/// and `Sun Nov  6 08:49:37 1994`. Nothing where the text is none of them, or no such day exists.
/// What it says of the day of the week is not compared.
[[nodiscard]] std::optional<Date> parse_date(std::string_view text);

}  // namespace protocols::http
