#include "protocols/http/target.hpp"

#include "protocols/http/syntax.hpp"

namespace protocols::http {
namespace {

constexpr ByteSet scheme_bytes = digits | letters | ByteSet("+-.");
constexpr ByteSet segment_bytes = digits | letters | ByteSet("-._~!$&'()*+,;=:@");

int hex_value(char c) {
  if (digits.contains(c)) return c - '0';
  return hex_digits.contains(c) ? (c | 0x20) - 'a' + 10 : -1;
}

// The byte that `%XX` at the front of `text` stands for, or -1.
int decoded_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// How many bytes at the front of `text` are a host; 0: none.
std::size_t host_size(std::string_view text) {
  std::size_t end = 0;
  if (text.starts_with('[')) {
    while (++end < text.size() && ip_literal_bytes.contains(text[end])) continue;
    return end > 1 && end < text.size() && text[end] == ']' ? end + 1 : 0;
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

// Appends a segment decoded; false where no file can have that name.
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
    if (c == '\0' || c == '/' || c == '\\') return false;
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
    if (!authority || authority->port.empty()) return std::nullopt;
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
