// The decimal length of a string or an aggregate. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocols/frame_decoder.hpp"

namespace protocols::inline v0::resp {

struct Length {
  std::size_t value = 0;
  bool is_null = false;
};

/// More digits than any length has, unless it has leading zeros.
inline constexpr std::size_t max_length_digits = 32;

/// The length after the byte at the front of `text`: digits and CR LF. Its frame ends behind them.
[[nodiscard]] inline Parsed<Length> parse_length(std::string_view text, std::size_t most,
                                                 bool may_be_null) {
  using Result = Parsed<Length>;
  const std::size_t longest = std::min<std::size_t>(most, SIZE_MAX / 16);  // Sums do not overflow.
  std::size_t at = 1;
  std::size_t value = 0;
  for (; at < text.size(); ++at) {
    const auto digit = static_cast<std::size_t>(static_cast<unsigned char>(text[at])) - '0';
    if (digit > 9) break;
    value = 10 * value + digit;
    if (value > longest) return Result::fail(DecodeError::too_large, at);
    if (at > max_length_digits) return Result::fail(DecodeError::bad_length, at);
  }
  if (at == 1 && may_be_null && text.size() > 1 && text[1] == '-') {
    if (text.size() == 2) return Result::need(3);
    if (text[2] != '1') return Result::fail(DecodeError::bad_length, 2);
    at = 3;
  }
  if (at == text.size()) return Result::need(at + 1);
  if (text[at] != '\r') {
    const bool ends = text[at] == '\n' && at > 1;
    return Result::fail(ends ? DecodeError::bad_line_end : DecodeError::bad_length, at);
  }
  if (at == 1) return Result::fail(DecodeError::bad_length, at);
  if (at + 1 == text.size()) return Result::need(at + 2);
  if (text[at + 1] != '\n') return Result::fail(DecodeError::bad_line_end, at + 1);
  return Result::frame({value, text[1] == '-'}, at + 2);
}

/// The string of `size` bytes that begins at `begin`, with the CR LF after it.
[[nodiscard]] inline Parsed<std::string_view> parse_string(std::string_view text, std::size_t begin,
                                                           std::size_t size) {
  using Result = Parsed<std::string_view>;
  const std::size_t end = begin + size;
  if (text.size() <= end) return Result::need(end + 1);
  if (text[end] != '\r') return Result::fail(DecodeError::bad_terminator, end);
  if (text.size() == end + 1) return Result::need(end + 2);
  if (text[end + 1] != '\n') return Result::fail(DecodeError::bad_terminator, end + 1);
  return Result::frame(text.substr(begin, size), end + 2);
}

}  // namespace protocols::resp
