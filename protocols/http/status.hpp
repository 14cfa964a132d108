// Status codes: their reasons, and the status for a request that cannot be read.
#pragma once

#include <string_view>
#include <system_error>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// "Not Found"; empty for a status that RFC 9110 does not define.
[[nodiscard]] std::string_view reason_of(int status);

/// `HTTP/1.1 404 Not Found` and the line end; empty if reason_of() is.
[[nodiscard]] std::string_view status_line_of(int status);

/// The status to send when a RequestDecoder failed, before closing the connection: 413, 414, 431,
/// 501, 505 or else 400.
[[nodiscard]] int status_of(const std::error_code& decode_error);

}  // namespace protocols::http
#pragma GCC visibility pop
