#include "protocols/netstring.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace protocols::inline v0 {
namespace {

// A longer payload could not be counted together with its digits, its colon and its comma.
constexpr std::size_t longest = std::numeric_limits<std::size_t>::max() - 32;

}  // namespace

Parsed<Bytes> Netstring::parse_carefully(Bytes bytes) const {
  const std::string_view text = as_text(bytes);
  const std::size_t max_length = std::min(max_payload_bytes, longest);
  std::size_t length = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] != ':'; ++digits) {
    if (text[digits] < '0' || text[digits] > '9') {
      return Parsed<Frame>::fail(DecodeError::bad_length, digits);
    }
    if (digits == 1 && text[0] == '0') return Parsed<Frame>::fail(DecodeError::leading_zero, 1);
    const auto digit = static_cast<std::size_t>(text[digits] - '0');
    if (digit > max_length || length > (max_length - digit) / 10) {
      return Parsed<Frame>::fail(DecodeError::too_large, digits);
    }
    length = 10 * length + digit;
  }
  if (digits == text.size()) return Parsed<Frame>::need(text.size() + 1);
  if (digits == 0) return Parsed<Frame>::fail(DecodeError::bad_length, 0);

  const std::size_t begin = digits + 1;
  const std::size_t comma = begin + length;
  if (text.size() <= comma) return Parsed<Frame>::need(comma + 1);
  if (text[comma] != ',') return Parsed<Frame>::fail(DecodeError::missing_comma, comma);
  return Parsed<Frame>::frame(bytes.subspan(begin, length), comma + 1);
}

}  // namespace protocols
