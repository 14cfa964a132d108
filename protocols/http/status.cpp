#include "protocols/http/status.hpp"

#include "protocols/error.hpp"

namespace protocols::http {

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

}  // namespace

std::string_view reason_of(int status) {
  for (const Entry& entry : entries) {
    if (entry.status == status) return entry.reason;
  }
  return {};
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
