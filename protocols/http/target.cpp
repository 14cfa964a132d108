#include "protocols/http/target.hpp"

#include <algorithm>

#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {
namespace {

constexpr ByteSet scheme_bytes = digits | letters | ByteSet("+-.");
constexpr ByteSet segment_bytes = digits | letters | ByteSet("-._~!$&'()*+,;=:@");

int hex_value(char c) {
  if (digits.contains(c)) return c - '0';
  return hex_digits.contains(c) ? (c | 0x20) - 'a' + 10 : -1;
}

// The byte that the `%XX` at the front of `text` encodes, or -1.
int decoded_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool is_number(std::string_view text, unsigned largest) {
  unsigned number = 0;
  for (char c : text) {
    if (!digits.contains(c)) return false;
    number = std::min(number * 10 + static_cast<unsigned>(c - '0'), largest + 1);
  }
  return !text.empty() && number <= largest;
}

bool is_ipv4_address(std::string_view text) {
  for (int part = 1;; ++part) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const std::string_view number = text.substr(0, dot);
    if (!is_number(number, 255) || (number.size() > 1 && number[0] == '0')) return false;
    if (dot == text.size()) return part == 4;
    text.remove_prefix(dot + 1);
  }
}

// Eight groups. One "::" may replace groups that are zero, and an IPv4 address the last two (RFC
// 3986 3.2.2).
bool is_ipv6_address(std::string_view text) {
  std::size_t groups = 0;
  bool shortened = text.starts_with("::");
  if (shortened) text.remove_prefix(2);
  while (!text.empty()) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, colon);
    const bool is_last = colon == text.size();
    const bool is_ipv4 = is_last && is_ipv4_address(group);
    const bool is_group = !group.empty() && group.size() <= 4 && all_of(group, hex_digits);
    if (!is_ipv4 && !is_group) return false;
    groups += is_ipv4 ? 2 : 1;
    if (is_last) break;
    text.remove_prefix(colon + 1);
    if (text.empty() || (text[0] == ':' && shortened)) return false;
    if (text[0] != ':') continue;
    shortened = true;
    text.remove_prefix(1);
  }
  return shortened ? groups < 8 : groups == 8;
}

bool is_future_address(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == text.npos || dot < 2 || dot + 1 == text.size()) return false;
  return (text[0] | 0x20) == 'v' && all_of(text.substr(1, dot - 1), hex_digits) &&
         all_of(text.substr(dot + 1), ip_literal_bytes);
}

// How many bytes at the front of `text` are a host; 0: none.
std::size_t host_size(std::string_view text) {
  std::size_t end = 0;
  if (text.starts_with('[')) {
    const std::string_view address = text.substr(1, text.find(']') - 1);
    const bool is_closed = address.size() + 1 < text.size();
    const bool is_address = is_ipv6_address(address) || is_future_address(address);
    return is_closed && is_address ? address.size() + 2 : 0;
  }
  for (;; end += 3) {
    while (end < text.size() && host_bytes.contains(text[end])) ++end;
    if (decoded_byte(text.substr(end)) < 0) return end;
  }
}

void split_path(Target& target, std::string_view text) {
  const std::size_t question_mark = text.find('?');
  target.path = text.substr(0, question_mark);
  if (question_mark != text.npos) target.query = text.substr(question_mark + 1);
}

std::optional<Target> parse_absolute(std::string_view text) {
  Target target{.form = TargetForm::absolute};
  const std::size_t colon = text.find("://");
  target.scheme = text.substr(0, colon);
  if (colon == text.npos || target.scheme.empty() || !letters.contains(text[0]) ||
      !all_of(target.scheme, scheme_bytes)) {
    return std::nullopt;
  }
  const std::string_view rest = text.substr(colon + 3);
  const std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
  const auto authority = parse_authority(rest.substr(0, path));
  if (!authority) return std::nullopt;
  target.authority = *authority;
  split_path(target, rest.substr(path));
  return target;
}

// Decodes and appends a segment; returns false if no file can have that name.
bool append_segment(std::string& path, std::string_view segment) {
  const std::size_t begin = path.size();
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      const int byte = decoded_byte(segment.substr(i));
      if (byte < 0) return false;
      c = static_cast<char>(byte);
      i += 2;
    }
    if (c == '\0' || c == '/') return false;
    path += c;
  }
  const std::string_view name = std::string_view(path).substr(begin);
  return name != "." && name != "..";
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  const std::size_t host = host_size(text);
  if (host == 0) return std::nullopt;
  if (host == text.size()) return Authority{text, {}};
  const std::string_view port = text.substr(host + 1);
  if (text[host] != ':' || !all_of(port, digits)) return std::nullopt;
  return Authority{text.substr(0, host), port};
}

std::optional<Target> parse_target(std::string_view method, std::string_view target) {
  if (method == "CONNECT") {
    const auto authority = parse_authority(target);
    if (!authority || !is_number(authority->port, 65535)) return std::nullopt;
    return Target{.form = TargetForm::authority, .authority = *authority};
  }
  if (target.starts_with('/')) {
    Target origin;
    split_path(origin, target);
    return origin;
  }
  if (target == "*" && method == "OPTIONS") return Target{.form = TargetForm::asterisk};
  return parse_absolute(target);
}

std::optional<std::string> decode_path(std::string_view path) {
  std::string decoded = "/";
  decoded.reserve(path.size() + 1);
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (segment.empty()) continue;
    if (decoded.back() != '/') decoded += '/';
    if (!append_segment(decoded, segment)) return std::nullopt;
  }
  if (path.ends_with('/') && decoded.back() != '/') decoded += '/';
  return decoded;
}

std::string encode_path(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    if (segment_bytes.contains(c) || c == '/') {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', hex[byte >> 4], hex[byte & 0xF]};
    }
  }
  return encoded;
}

}  // namespace protocols::http
