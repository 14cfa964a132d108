#include "samples/support/time_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <limits>

namespace samples {
namespace {

using protocols::as_text;
using protocols::Bytes;

constexpr std::string_view error_mark = "error: ";

std::string problem(std::string_view what) { return std::string(error_mark).append(what); }

// The position of a conversion that POSIX does not define; empty if there is none. The behaviour of
// strftime is then undefined, and with glibc's widths it would write gigabytes.
std::optional<std::size_t> bad_conversion(std::string_view format) {
  constexpr std::string_view plain = "aAbBcCdDeFgGhHIjmMnprRsStTuUVwWxXyYzZ%";
  constexpr std::string_view with_e = "cCxXyY";
  constexpr std::string_view with_o = "deHImMSuUVwWy";
  for (std::size_t at = format.find('%'); at != format.npos; at = format.find('%', at)) {
    const std::size_t begin = at++;
    std::string_view known = plain;
    if (at < format.size() && (format[at] == 'E' || format[at] == 'O')) {
      known = format[at++] == 'E' ? with_e : with_o;
    }
    if (at == format.size() || known.find(format[at]) == known.npos) return begin;
    ++at;
  }
  return {};
}

std::string formatted(std::string_view format, std::time_t time, std::size_t most) {
  if (format.find('\0') != format.npos) return problem("a NUL in the format");
  if (const auto where = bad_conversion(format)) {
    return problem("no conversion of strftime at byte " + std::to_string(*where));
  }
  std::tm parts{};
  // tm counts years from 1900. A year beyond the range of int fits tm, but wraps in the text.
  constexpr int last_year = std::numeric_limits<int>::max() - 1900;
  if (!localtime_r(&time, &parts) || parts.tm_year > last_year) {
    return problem("no calendar has that time");
  }
  // strftime returns 0 for text that does not fit and for empty text: `marked` is never empty.
  const std::string marked = std::string(format) + '.';
  std::string text(most + 2, '\0');
  const std::size_t size = std::strftime(text.data(), text.size(), marked.c_str(), &parts);
  if (size == 0) {
    return problem("more than " + std::to_string(most) + " bytes of text");
  }
  text.resize(size - 1);
  return text;
}

struct Timestamp {
  bool is_number = false;
  std::optional<std::time_t> time;  // Empty if it does not fit.
};

bool are_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// Rounds a fraction down, also that of a time before 1970.
Timestamp read_timestamp(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == text.npos ? "0" : text.substr(point + 1);
  const bool negative = whole.starts_with('-');
  Timestamp result;
  result.is_number = are_digits(whole.substr(negative ? 1 : 0)) && are_digits(fraction);
  if (!result.is_number) return result;
  std::int64_t value = 0;
  const auto parsed = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  const bool rounds_down = negative && fraction.find_first_not_of('0') != fraction.npos;
  const bool fits = parsed.ec == std::errc() &&
                    (!rounds_down || value > std::numeric_limits<std::int64_t>::min());
  if (fits) result.time = value - (rounds_down ? 1 : 0);
  return result;
}

}  // namespace

std::optional<std::string> answer_time_text(Bytes request, std::chrono::sys_seconds now) {
  const std::string_view text = as_text(request);
  if (text.starts_with(error_mark)) return {};
  const std::size_t most = std::min(max_time_text_bytes, text.size() + max_time_text_growth);
  const Timestamp timestamp = read_timestamp(text);
  if (timestamp.is_number) {
    if (!timestamp.time) return problem("no calendar has that time");
    return formatted(default_time_format, *timestamp.time, most);
  }
  return formatted(text.empty() ? default_time_format : text, now.time_since_epoch().count(), most);
}

}  // namespace samples
