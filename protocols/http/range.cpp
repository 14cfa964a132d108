#include "protocols/http/range.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocols/http/message.hpp"
#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {
namespace {

// A number that is too large to represent becomes the largest one.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || !all_of(text, digits)) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? number : UINT64_MAX;
}

Range from_offset(std::uint64_t offset, std::uint64_t last, std::uint64_t total) {
  if (offset >= total) return {Range::Kind::unsatisfiable};
  return {Range::Kind::part, offset, std::min(last, total - 1) - offset + 1};
}

Range from_end(std::uint64_t size, std::uint64_t total) {
  size = std::min(size, total);
  if (size == 0) return {Range::Kind::unsatisfiable};
  return {Range::Kind::part, total - size, size};
}

}  // namespace

Range select_range(std::string_view value, std::uint64_t total) {
  if (total == 0) return {};
  constexpr std::string_view unit = "bytes=";
  if (!equal_ignoring_case(value.substr(0, unit.size()), unit)) return {};
  const std::string_view range = trim_blanks(value.substr(unit.size()));
  const std::size_t hyphen = range.find('-');
  if (hyphen == range.npos) return {};
  const auto before = parse_number(range.substr(0, hyphen));
  const auto after = parse_number(range.substr(hyphen + 1));
  if (hyphen == 0) return after ? from_end(*after, total) : Range{};
  if (!before) return {};
  if (hyphen + 1 == range.size()) return from_offset(*before, UINT64_MAX, total);
  if (!after || *after < *before) return {};
  return from_offset(*before, *after, total);
}

std::string content_range(const Range& part, std::uint64_t total) {
  return "bytes " + std::to_string(part.offset) + "-" +
         std::to_string(part.offset + part.size - 1) + "/" + std::to_string(total);
}

std::string unsatisfied_range(std::uint64_t total) { return "bytes */" + std::to_string(total); }

}  // namespace protocols::http
