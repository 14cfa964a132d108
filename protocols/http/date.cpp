#include "protocols/http/date.hpp"

#include <algorithm>
#include <array>

#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed",
                                                      "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_weekdays = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr Date earliest = sys_days(std::chrono::year(0) / 1 / 1);
constexpr Date latest = sys_days(std::chrono::year(10000) / 1 / 1) - std::chrono::seconds(1);

void append_number(std::string& text, long number, int width) {
  std::string reversed;
  for (; width > 0; --width, number /= 10) reversed += static_cast<char>('0' + number % 10);
  text.append(reversed.rbegin(), reversed.rend());
}

// Reads a date from left to right; after the first mismatch every read fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return good_ && text_.empty(); }

  void skip(std::string_view expected) {
    good_ = good_ && text_.starts_with(expected);
    if (good_) text_.remove_prefix(expected.size());
  }

  // Reads `width` digits; if `padded`, the first may be a space.
  int number(std::size_t width, bool padded = false) {
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      good_ = good_ && i < text_.size();
      if (!good_) return 0;
      const char c = padded && i == 0 && text_[i] == ' ' ? '0' : text_[i];
      good_ = digits.contains(c);
      value = 10 * value + (c - '0');
    }
    text_.remove_prefix(width);
    return value;
  }

  // Returns which of the words follows, counted from 0.
  template <std::size_t count>
  std::size_t word(const std::array<std::string_view, count>& words) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!good_ || !text_.starts_with(words[i])) continue;
      text_.remove_prefix(words[i].size());
      return i;
    }
    good_ = false;
    return 0;
  }

 private:
  std::string_view text_;
  bool good_ = true;
};

struct Parts {
  int year = 0;
  std::size_t month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void read_time(Reader& reader, Parts& parts) {
  parts.hour = reader.number(2);
  reader.skip(":");
  parts.minute = reader.number(2);
  reader.skip(":");
  parts.second = reader.number(2);
}

std::optional<Date> date_of(const Reader& reader, const Parts& parts) {
  const std::chrono::year_month_day day(std::chrono::year(parts.year),
                                        std::chrono::month(static_cast<unsigned>(parts.month) + 1),
                                        std::chrono::day(static_cast<unsigned>(parts.day)));
  // 60: a leap second.
  if (!reader.at_end() || !day.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) {
    return std::nullopt;
  }
  return sys_days(day) + std::chrono::hours(parts.hour) + std::chrono::minutes(parts.minute) +
         std::chrono::seconds(parts.second);
}

std::optional<Date> parse_fixed(std::string_view text) {
  Reader reader(text);
  Parts parts;
  reader.word(weekdays);
  reader.skip(", ");
  parts.day = reader.number(2);
  reader.skip(" ");
  parts.month = reader.word(months);
  reader.skip(" ");
  parts.year = reader.number(4);
  reader.skip(" ");
  read_time(reader, parts);
  reader.skip(" GMT");
  return date_of(reader, parts);
}

std::optional<Date> parse_rfc850(std::string_view text) {
  Reader reader(text);
  Parts parts;
  reader.word(long_weekdays);
  reader.skip(", ");
  parts.day = reader.number(2);
  reader.skip("-");
  parts.month = reader.word(months);
  reader.skip("-");
  const int year = reader.number(2);
  parts.year = year < 70 ? 2000 + year : 1900 + year;
  reader.skip(" ");
  read_time(reader, parts);
  reader.skip(" GMT");
  return date_of(reader, parts);
}

std::optional<Date> parse_asctime(std::string_view text) {
  Reader reader(text);
  Parts parts;
  reader.word(weekdays);
  reader.skip(" ");
  parts.month = reader.word(months);
  reader.skip(" ");
  parts.day = reader.number(2, true);
  reader.skip(" ");
  read_time(reader, parts);
  reader.skip(" ");
  parts.year = reader.number(4);
  return date_of(reader, parts);
}

}  // namespace

std::string format_date(Date date) {
  date = std::clamp(date, earliest, latest);
  const sys_days day = std::chrono::floor<days>(date);
  const std::chrono::year_month_day parts(day);
  const std::chrono::hh_mm_ss time(date - day);

  std::string text(weekdays[std::chrono::weekday(day).c_encoding()]);
  text += ", ";
  append_number(text, static_cast<unsigned>(parts.day()), 2);
  text.append(" ").append(months[static_cast<unsigned>(parts.month()) - 1]).append(" ");
  append_number(text, static_cast<int>(parts.year()), 4);
  text += ' ';
  append_number(text, time.hours().count(), 2);
  text += ':';
  append_number(text, time.minutes().count(), 2);
  text += ':';
  append_number(text, time.seconds().count(), 2);
  return text + " GMT";
}

std::optional<Date> parse_date(std::string_view text) {
  if (auto date = parse_fixed(text)) return date;
  if (auto date = parse_rfc850(text)) return date;
  return parse_asctime(text);
}

}  // namespace protocols::http
