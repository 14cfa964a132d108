#include "protocols/ip_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace protocols::inline v0 {
namespace {

constexpr std::size_t groups_of_ipv6 = 8;

[[nodiscard]] std::uint16_t group_of(std::span<const std::byte, ipv6_bytes> ip, std::size_t group) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(ip[2 * group]) << 8 |
                                    std::to_integer<unsigned>(ip[2 * group + 1]));
}

// Reads one to four digits from the front of `text`, and removes them.
[[nodiscard]] bool read_group(std::string_view& text, std::span<std::byte> two_bytes) {
  unsigned value = 0;
  const char* const limit = text.data() + std::min<std::size_t>(text.size(), 4);
  const auto [end, error] = std::from_chars(text.data(), limit, value, 16);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  two_bytes[0] = static_cast<std::byte>(value >> 8);
  two_bytes[1] = static_cast<std::byte>(value & 0xFF);
  return true;
}

template <class Number>
void append_number(std::string& text, Number value, int base) {
  char digits[8];
  text.append(digits, std::to_chars(digits, std::end(digits), value, base).ptr);
}

// The longest run of zeros, of at least two groups; of several the first.
struct Run {
  std::size_t begin = groups_of_ipv6;
  std::size_t size = 1;
};

[[nodiscard]] Run longest_run(std::span<const std::byte, ipv6_bytes> ip) {
  Run longest;
  for (std::size_t begin = 0; begin < groups_of_ipv6; ++begin) {
    std::size_t end = begin;
    while (end < groups_of_ipv6 && group_of(ip, end) == 0) ++end;
    if (end - begin > longest.size) longest = {begin, end - begin};
  }
  return longest;
}

}  // namespace

bool read_ipv4(std::string_view text, std::span<std::byte> ip) {
  for (std::size_t i = 0; i < ipv4_bytes; ++i) {
    if (i > 0) {
      if (!text.starts_with('.')) return false;
      text.remove_prefix(1);
    }
    unsigned value = 0;
    const char* const limit = text.data() + std::min<std::size_t>(text.size(), 3);
    const auto [end, error] = std::from_chars(text.data(), limit, value);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || value > 255) return false;
    if (digits > 1 && text.front() == '0') return false;
    ip[i] = static_cast<std::byte>(value);
    text.remove_prefix(digits);
  }
  return text.empty();
}

bool read_ipv6(std::string_view text, std::span<std::byte, ipv6_bytes> ip) {
  std::fill(ip.begin(), ip.end(), std::byte{0});
  std::size_t size = 0;
  std::size_t gap = ipv6_bytes + 1;  // Where `::` stands, if anywhere.
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos && text.find('.') != text.npos) {
      if (size + ipv4_bytes > ipv6_bytes || !read_ipv4(text, ip.subspan(size))) return false;
      size += ipv4_bytes;
      break;
    }
    if (size == ipv6_bytes || !read_group(text, ip.subspan(size))) return false;
    size += 2;
    if (text.empty()) break;
    const bool is_gap = text.starts_with("::");
    if (!text.starts_with(':') || (is_gap && gap <= ipv6_bytes)) return false;
    text.remove_prefix(is_gap ? 2 : 1);
    if (is_gap) gap = size;
    if (!is_gap && text.empty()) return false;
  }
  if (gap > ipv6_bytes) return size == ipv6_bytes;
  if (size == ipv6_bytes) return false;  // The gap stands for at least one group.
  const auto begin = ip.begin() + static_cast<std::ptrdiff_t>(gap);
  const auto end = ip.begin() + static_cast<std::ptrdiff_t>(size);
  std::fill(begin, std::copy_backward(begin, end, ip.end()), std::byte{0});
  return true;
}

void append_ipv4(std::string& text, std::span<const std::byte> ip) {
  for (std::size_t i = 0; i < ipv4_bytes; ++i) {
    if (i > 0) text += '.';
    append_number(text, std::to_integer<unsigned>(ip[i]), 10);
  }
}

void append_ipv6(std::string& text, std::span<const std::byte, ipv6_bytes> ip) {
  const Run gap = longest_run(ip);
  const bool is_mapped = gap.begin == 0 && gap.size == 5 && group_of(ip, 5) == 0xFFFF;
  for (std::size_t group = 0; group < groups_of_ipv6; ++group) {
    if (group == gap.begin) {
      text += "::";
      group += gap.size - 1;
      continue;
    }
    if (group > 0 && group != gap.begin + gap.size) text += ':';
    if (is_mapped && group == 6) return append_ipv4(text, ip.subspan(2 * group));
    append_number(text, unsigned{group_of(ip, group)}, 16);
  }
}

}  // namespace protocols
