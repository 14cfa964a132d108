#include "protocols/error.hpp"

#include <string>

namespace protocols::inline v0 {
namespace {

struct Entry {
  DecodeError error;
  std::string_view name;
  std::string_view text;
};

constexpr Entry entries[] = {
    {DecodeError::too_large, "too-large", "longer than the configured maximum"},
    {DecodeError::bad_length, "bad-length", "not a length that this frame can have"},
    {DecodeError::bad_strip, "bad-strip", "frame shorter than the bytes to strip from it"},
    {DecodeError::bad_varint, "bad-varint", "varint longer than its type"},
    {DecodeError::bad_header, "bad-header", "header cannot be read"},
    {DecodeError::bad_size, "bad-size", "header without a usable payload size"},
    {DecodeError::bad_escape, "bad-escape", "escape followed by a byte that is never escaped"},
    {DecodeError::bad_cobs, "bad-cobs", "COBS block shorter than its length"},
    {DecodeError::leading_zero, "leading-zero", "length with a leading zero"},
    {DecodeError::missing_comma, "missing-comma", "netstring without its comma"},
    {DecodeError::bad_type, "bad-type", "not the first byte of a value"},
    {DecodeError::bad_integer, "bad-integer", "not an integer of 64 bits"},
    {DecodeError::bad_double, "bad-double", "not a floating-point number"},
    {DecodeError::bad_boolean, "bad-bool", "boolean is neither t nor f"},
    {DecodeError::bad_null, "bad-null", "null with text"},
    {DecodeError::bad_big_number, "bad-bignum", "big number with other characters than digits"},
    {DecodeError::bad_verbatim, "bad-verbatim", "verbatim string without its format"},
    {DecodeError::bad_terminator, "bad-terminator", "string that CR LF does not follow"},
    {DecodeError::bad_quotes, "bad-quotes", "unbalanced quotes"},
    {DecodeError::too_deep, "too-deep", "nested deeper than the configured maximum"},
    {DecodeError::bad_signature, "bad-signature", "no header of the PROXY protocol"},
    {DecodeError::bad_address, "bad-address", "not an IP address of the announced family"},
    {DecodeError::bad_port, "bad-port", "not a port"},
    {DecodeError::unknown_version, "unknown-version", "unknown version of the protocol"},
    {DecodeError::bad_command, "bad-command", "unknown command"},
    {DecodeError::bad_family, "bad-family", "unknown family of addresses"},
    {DecodeError::bad_tlv, "bad-tlv", "TLV with an impossible length"},
    {DecodeError::bad_checksum, "bad-checksum", "checksum differs"},
    {DecodeError::bad_method, "bad-method", "request does not begin with a method"},
    {DecodeError::bad_target, "bad-target", "not a target that this request can have"},
    {DecodeError::bad_version, "bad-version", "not an HTTP version"},
    {DecodeError::unsupported_version, "unsupported-version", "HTTP version is not 1.x"},
    {DecodeError::bad_status, "bad-status", "not an HTTP status"},
    {DecodeError::start_line_too_long, "start-line-too-long", "start line longer than accepted"},
    {DecodeError::bad_line_end, "bad-line-end", "line does not end in CR LF"},
    {DecodeError::folded_line, "folded-line", "field line begins with white space"},
    {DecodeError::bad_field_name, "bad-field-name", "field line without a name and a colon"},
    {DecodeError::bad_field_value, "bad-field-value", "control character in a field"},
    {DecodeError::fields_too_large, "fields-too-large", "more or longer fields than accepted"},
    {DecodeError::bad_host, "bad-host", "Host is missing, repeated or no host"},
    {DecodeError::bad_content_length, "bad-content-length", "Content-Length is not one number"},
    {DecodeError::bad_transfer_encoding, "bad-transfer-encoding",
     "Transfer-Encoding does not end in chunked, used once"},
    {DecodeError::unknown_transfer_coding, "unknown-transfer-coding",
     "transfer coding other than chunked"},
    {DecodeError::ambiguous_framing, "ambiguous-framing", "two statements on where the body ends"},
    {DecodeError::bad_chunk, "bad-chunk", "chunk without its size, extension or end"},
    {DecodeError::body_too_large, "body-too-large", "body longer than accepted"},
    {DecodeError::unsolicited_response, "unsolicited-response", "response that answers no request"},
    {DecodeError::truncated, "truncated", "the stream ended inside a response"},
    {DecodeError::reserved_bits, "rsv-bits", "reserved bit that no extension uses"},
    {DecodeError::reserved_opcode, "reserved-opcode", "opcode without a meaning"},
    {DecodeError::unexpected_continuation, "unexpected-continuation",
     "continuation without a message"},
    {DecodeError::expected_continuation, "expected-continuation",
     "new message inside a fragmented one"},
    {DecodeError::fragmented_control, "fragmented-control", "control frame that is fragmented"},
    {DecodeError::control_too_long, "control-too-long", "control frame of more than 125 bytes"},
    {DecodeError::mask_required, "mask-required", "frame of a client without a mask"},
    {DecodeError::mask_forbidden, "mask-forbidden", "frame of a server with a mask"},
    {DecodeError::length_msb, "length-msb", "length of 2^63 or more"},
    {DecodeError::non_minimal_length, "non-minimal-length", "length in more bytes than it needs"},
    {DecodeError::bad_close_length, "close-length", "close frame with half a code"},
    {DecodeError::bad_close_code, "close-code", "code that no close frame may have"},
    {DecodeError::invalid_utf8, "invalid-utf8", "text that is not UTF-8"},
    {DecodeError::bad_deflate, "bad-deflate", "compressed message that cannot be inflated"},
};

constexpr Entry unknown = {DecodeError{}, "unknown", "unknown decode error"};

const Entry& entry(int value) {
  for (const Entry& each : entries) {
    if (static_cast<int>(each.error) == value) return each;
  }
  return unknown;
}

class DecodeCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "decode"; }
  std::string message(int value) const override { return std::string(entry(value).text); }
};

}  // namespace

std::string_view name(DecodeError error) { return entry(static_cast<int>(error)).name; }

const std::error_category& decode_category() noexcept {
  static const DecodeCategory category;
  return category;
}

}  // namespace protocols
