// Why a WebSocket ends: the status codes of close frames (RFC 6455 7.4, and IANA's registry).
#pragma once

#include <cstdint>
#include <system_error>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::websocket {

namespace close_code {

/// The codes of RFC 6455 section 7.4.1 and of the registry of IANA.
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t unsupported_data = 1003;
inline constexpr std::uint16_t none = 1005;      ///< The close frame has no code; never sent.
inline constexpr std::uint16_t abnormal = 1006;  ///< There was no close frame; never sent.
inline constexpr std::uint16_t invalid_data = 1007;
inline constexpr std::uint16_t policy_violation = 1008;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t missing_extension = 1010;
inline constexpr std::uint16_t internal_error = 1011;
inline constexpr std::uint16_t service_restart = 1012;
inline constexpr std::uint16_t try_again_later = 1013;
inline constexpr std::uint16_t bad_gateway = 1014;

}  // namespace close_code

/// Whether a close frame may have this code: a registered one, or 3000 to 4999, which belong to
/// libraries and programs.
[[nodiscard]] constexpr bool is_close_code(std::uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return (code >= close_code::normal && code <= close_code::unsupported_data) ||
         (code >= close_code::invalid_data && code <= close_code::bad_gateway);
}

/// The code of the close frame to send when a decoder failed: 1007, 1009, or else 1002.
[[nodiscard]] std::uint16_t close_code_of(const std::error_code& decode_error);

}  // namespace protocols::websocket
#pragma GCC visibility pop
