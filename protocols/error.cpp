#include "protocols/error.hpp"

#include <string>

namespace protocols {
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
