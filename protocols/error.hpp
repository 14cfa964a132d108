// Why decoding a stream failed: one std::error_code category for all protocols.
#pragma once

#include <string_view>
#include <system_error>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// What was wrong with the bytes. After any of these the stream cannot be decoded further.
enum class DecodeError {
  too_large = 1,  ///< Longer than the configured maximum.
  bad_length,     ///< A length that is no number, or too small for what it has to count.
  bad_strip,      ///< A frame shorter than the bytes to be stripped from it.
  bad_varint,     ///< A varint that does not end, or does not fit its type.
  bad_header,     ///< A header that cannot be read.
  bad_size,       ///< A header without a usable payload size.
  bad_escape,     ///< An escape byte followed by a byte that may not be escaped.
  bad_cobs,       ///< A COBS block that ends before its length.
  leading_zero,   ///< A decimal length written with a leading zero.
  missing_comma,  ///< A netstring that does not end in a comma.

  // RESP.
  bad_type,        ///< A value whose first byte is not that of a type.
  bad_integer,     ///< An integer that is no number, or does not fit 64 bits.
  bad_double,      ///< A double that is no number, or too large for the type.
  bad_boolean,     ///< A boolean that is neither `t` nor `f`.
  bad_null,        ///< A null with text.
  bad_big_number,  ///< A big number with other characters than digits.
  bad_verbatim,    ///< A verbatim string that does not begin with its format and a colon.
  bad_terminator,  ///< A string that CR LF does not follow.
  bad_quotes,      ///< An inline request whose quotes are not balanced.
  too_deep,        ///< Aggregates inside each other beyond the configured maximum.

  // The PROXY protocol, and `Content-Length` blocks.
  bad_signature,    ///< No header of the PROXY protocol.
  bad_address,      ///< An IP address that is none, or not of the family that was announced.
  bad_port,         ///< A port that is no number from 0 to 65535.
  unknown_version,  ///< A version of the protocol that does not exist.
  bad_command,      ///< A command that does not exist.
  bad_family,       ///< A family of addresses that does not exist.
  bad_tlv,          ///< A TLV that ends behind its header, or whose length is not possible.
  bad_checksum,     ///< A header that changed on its way.

  // HTTP/1.1; http/status.hpp defines the status of the response to each.
  bad_method,               ///< A request that does not begin with a method.
  bad_target,               ///< A target that is invalid, or not allowed for this method.
  bad_version,              ///< No HTTP version where one is required.
  unsupported_version,      ///< An HTTP version that is not 1.x.
  bad_status,               ///< No status where one is required.
  start_line_too_long,      ///< A longer request or status line than is accepted.
  bad_line_end,             ///< CR without LF, or LF without CR.
  folded_line,              ///< White space at the beginning of a field line.
  bad_field_name,           ///< A field line without a name, or with white space after it.
  bad_field_value,          ///< A control character in the value of a field.
  fields_too_large,         ///< More fields, or longer ones, than are accepted.
  bad_host,                 ///< A missing, repeated or invalid Host.
  bad_content_length,       ///< A Content-Length that is not exactly one number.
  bad_transfer_encoding,    ///< A Transfer-Encoding that does not end in `chunked`, used once.
  unknown_transfer_coding,  ///< A transfer coding other than `chunked`.
  ambiguous_framing,        ///< Two statements about where the body ends.
  bad_chunk,                ///< A chunk without its size, or of another size than that.
  body_too_large,           ///< A longer body than is accepted.
  unsolicited_response,     ///< A response without a request.
  truncated,                ///< A response that the end of the stream cut off.

  // WebSocket; websocket/close.hpp defines the close code for each.
  reserved_bits,            ///< A reserved bit that no extension uses.
  reserved_opcode,          ///< An opcode without a meaning.
  unexpected_continuation,  ///< A continuation without a message.
  expected_continuation,    ///< A new message inside a fragmented one.
  fragmented_control,       ///< A control frame that is not one frame.
  control_too_long,         ///< A control frame with more than 125 bytes.
  mask_required,            ///< A client's frame without a mask.
  mask_forbidden,           ///< A server's frame with a mask.
  length_msb,               ///< A length of 2^63 or more.
  non_minimal_length,       ///< A length in more bytes than it needs.
  bad_close_length,         ///< A close frame with half a code.
  bad_close_code,           ///< A code that no close frame may have.
  invalid_utf8,             ///< Text that is not UTF-8.
  bad_deflate,              ///< A compressed message that cannot be inflated.
};

/// A short name that programs may rely on: "too-large".
[[nodiscard]] std::string_view name(DecodeError error);

/// The category of these codes.
[[nodiscard]] const std::error_category& decode_category() noexcept;

/// Makes a code that std::error_code can be compared with.
[[nodiscard]] inline std::error_code make_error_code(DecodeError error) noexcept {
  return {static_cast<int>(error), decode_category()};
}

}  // namespace protocols

template <>
struct std::is_error_code_enum<protocols::DecodeError> : std::true_type {};
#pragma GCC visibility pop
