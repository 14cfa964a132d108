// Status codes: their reasons, and the one that answers a request that cannot be read.
#pragma once

#include <string_view>
#include <system_error>

#include "protocols/detail/cxx20.hpp"

namespace protocols::http {

/// "Not Found"; empty for a status that RFC 9110 does not know.
[[nodiscard]] std::string_view reason_of(int status);

/// `HTTP/1.1 404 Not Found` and the line end, or nothing where reason_of() has nothing.
[[nodiscard]] std::string_view status_line_of(int status);

/// What to answer, and close the connection, when a RequestDecoder gave up: 413, 414, 431, 501, 505
/// or else 400.
[[nodiscard]] int status_of(const std::error_code& decode_error);

}  // namespace protocols::http
