#include "protocols/http/status.hpp"

#include <array>

#include "protocols/error.hpp"

namespace protocols::inline v0::http {

namespace {

struct Entry {
  int status;
  std::string_view reason;
};

constexpr Entry entries[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

// The first line of a response.
struct Line {
  std::array<char, 64> text{};
  std::size_t size = 0;

  constexpr void add(std::string_view part) {
    for (char c : part) text[size++] = c;
  }
};

constexpr std::string_view before_reason = "HTTP/1.1 xxx ";

constexpr auto lines = [] {
  std::array<Line, std::size(entries)> made;
  for (std::size_t i = 0; i < made.size(); ++i) {
    const auto digit = [&](int place) {
      return static_cast<char>('0' + entries[i].status / place % 10);
    };
    const char status[] = {digit(100), digit(10), digit(1), ' '};
    made[i].add("HTTP/1.1 ");
    made[i].add({status, sizeof status});
    made[i].add(entries[i].reason);
    made[i].add("\r\n");
  }
  return made;
}();

// The entry of each status from 100 on, counted from 1.
constexpr auto numbers = [] {
  std::array<unsigned char, 500> found{};
  for (std::size_t i = 0; i < std::size(entries); ++i) {
    found[static_cast<std::size_t>(entries[i].status - 100)] = static_cast<unsigned char>(i + 1);
  }
  return found;
}();

}  // namespace

std::string_view status_line_of(int status) {
  const auto place = static_cast<std::size_t>(status) - 100;
  if (place >= numbers.size() || numbers[place] == 0) return {};
  const Line& line = lines[numbers[place] - 1u];
  return {line.text.data(), line.size};
}

std::string_view reason_of(int status) {
  const std::string_view line = status_line_of(status);
  if (line.empty()) return {};
  return line.substr(before_reason.size(), line.size() - before_reason.size() - 2);
}

int status_of(const std::error_code& decode_error) {
  switch (static_cast<DecodeError>(decode_error.value())) {
    case DecodeError::start_line_too_long:
      return 414;
    case DecodeError::fields_too_large:
      return 431;
    case DecodeError::body_too_large:
      return 413;
    case DecodeError::unknown_transfer_coding:
      return 501;
    case DecodeError::unsupported_version:
      return 505;
    default:
      return 400;
  }
}

}  // namespace protocols::http
