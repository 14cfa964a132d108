// Why a decoder gave up on its stream: one std::error_code category for all protocols.
#pragma once

#include <string_view>
#include <system_error>

namespace protocols {

/// What was wrong with the bytes. After any of these the stream cannot be trusted again.
enum class DecodeError {
  too_large = 1,  ///< Longer than the configured maximum.
  bad_length,     ///< A length that is no number, or smaller than what it has to count.
  bad_strip,      ///< A frame shorter than the bytes to be stripped from it.
  bad_varint,     ///< A varint that does not end, or does not fit its type.
  bad_header,     ///< A header that cannot be read.
  bad_size,       ///< A header without a usable payload size.
  bad_escape,     ///< An escape byte followed by nothing that may be escaped.
  bad_cobs,       ///< A COBS block that ends before its length.
  leading_zero,   ///< A decimal length written with a leading zero.
  missing_comma,  ///< A netstring that does not end in a comma.
};

/// A short name that programs may rely on: "too-large".
[[nodiscard]] std::string_view name(DecodeError error);

[[nodiscard]] const std::error_category& decode_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(DecodeError error) noexcept {
  return {static_cast<int>(error), decode_category()};
}

}  // namespace protocols

template <>
struct std::is_error_code_enum<protocols::DecodeError> : std::true_type {};
