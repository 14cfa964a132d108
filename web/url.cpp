#include "web/url.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

#include "protocols/http/message.hpp"
#include "protocols/http/syntax.hpp"
#include "protocols/http/target.hpp"

namespace web::inline v0 {
namespace {

using NoUrl = tl::unexpected<std::string>;
using protocols::http::ByteSet;

// The URL Standard's percent-encode sets of a path, and of a query of http.
constexpr ByteSet controls = ByteSet::range(0, 0x20) | ByteSet::range(0x7F, 0xFF);
constexpr ByteSet encoded_in_path = controls | ByteSet("\"#<>?^`{}");
constexpr ByteSet encoded_in_query = controls | ByteSet("\"#<>'");

constexpr ByteSet scheme_bytes =
    protocols::http::digits | protocols::http::letters | ByteSet("+-.");

std::string encoded(std::string_view text, const ByteSet& set) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string result;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (set.contains(c)) {
      result += {'%', hex[byte >> 4], hex[byte & 0xF]};
    } else {
      result += c;
    }
  }
  return result;
}

// The text of a URL from a person or a server, without what the URL Standard drops or the fragment.
std::string cleaned(std::string_view text) {
  const auto is_outer = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && is_outer(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_outer(text.back())) text.remove_suffix(1);
  std::string kept(text.substr(0, text.find('#')));
  std::erase_if(kept, [](char c) { return c == '\t' || c == '\n' || c == '\r'; });
  // Otherwise a `\` before the query would hide the end of the host.
  std::replace(kept.begin(),
               kept.begin() + static_cast<std::ptrdiff_t>(std::min(kept.find('?'), kept.size())),
               '\\', '/');
  return kept;
}

// The number of bytes before the colon, or npos without a scheme.
std::size_t scheme_size(std::string_view text) {
  if (text.empty() || !protocols::http::letters.contains(text[0])) return text.npos;
  std::size_t size = 1;
  while (size < text.size() && scheme_bytes.contains(text[size])) ++size;
  return size < text.size() && text[size] == ':' ? size : text.npos;
}

// True for `.` and `..`, also percent-encoded.
bool is_dots(std::string_view segment, std::size_t count) {
  for (; count > 0; --count) {
    if (segment.starts_with('.')) {
      segment.remove_prefix(1);
    } else if (protocols::http::equal_ignoring_case(segment.substr(0, 3), "%2e")) {
      segment.remove_prefix(3);
    } else {
      return false;
    }
  }
  return segment.empty();
}

// `path` begins with a slash.
std::string without_dots(std::string_view path) {
  std::string kept;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    const bool up = is_dots(segment.substr(1), 2);
    if (up) kept.erase(std::min(kept.rfind('/'), kept.size()));
    if (!up && !is_dots(segment.substr(1), 1)) {
      kept += segment;
    } else if (path.empty()) {
      kept += '/';
    }
  }
  return kept;
}

// `text` begins with a slash, or with the question mark of a query, or is empty.
std::string target_of(std::string_view text) {
  const std::size_t question_mark = std::min(text.find('?'), text.size());
  std::string path = without_dots(encoded(text.substr(0, question_mark), encoded_in_path));
  if (path.empty()) path = "/";
  return path + encoded(text.substr(question_mark), encoded_in_query);
}

std::string_view default_port(bool secure) { return secure ? "443" : "80"; }

// "8080", without leading zeros; empty: it is no port.
std::string port_of(std::string_view text, bool secure) {
  if (text.empty()) return std::string(default_port(secure));
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_port = error == std::errc{} && end == text.data() + text.size() && port <= 65535;
  return is_port ? std::to_string(port) : "";
}

// `text` is what follows the slashes behind the scheme.
ParsedUrl from_authority(std::string_view text, bool secure, HostToAscii to_ascii) {
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  const std::string_view authority = text.substr(0, end);
  if (authority.find('@') != authority.npos) return NoUrl("it has a user in it");
  const std::size_t bracket = authority.find(']');
  const std::size_t colon =
      std::min(authority.find(':', bracket == authority.npos ? 0 : bracket), authority.size());
  if (colon == 0) return NoUrl("it names no host");
  const auto host = to_ascii(authority.substr(0, colon));
  if (!host) return NoUrl(host.error());
  const std::string port =
      port_of(colon < authority.size() ? authority.substr(colon + 1) : std::string_view(), secure);
  if (port.empty()) return NoUrl("its port is no number up to 65535");
  return Url{.secure = secure,
             .host = *host + (port == default_port(secure) ? "" : ":" + port),
             .endpoint = *host + ":" + port,
             .target = target_of(text.substr(end))};
}

std::string_view without_slashes(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of('/'), text.size()));
}

bool is_https(std::string_view scheme) {
  return protocols::http::equal_ignoring_case(scheme, "https");
}

bool is_http(std::string_view scheme) {
  return protocols::http::equal_ignoring_case(scheme, "http") || is_https(scheme);
}

std::string other_scheme(std::string_view scheme) {
  return "it begins with " + std::string(scheme) + ":";
}

}  // namespace

std::string Url::name() const {
  const std::string_view host_only = std::string_view(endpoint).substr(0, endpoint.rfind(':'));
  return std::string(host_only.starts_with('[') ? host_only.substr(1, host_only.size() - 2)
                                                : host_only);
}

tl::expected<std::string, std::string> ascii_host_only(std::string_view host) {
  constexpr std::size_t most_label_bytes = 63;  // RFC 1035 2.3.4
  std::string ascii;
  for (char c : host) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      return NoUrl("its host is not ASCII: write the name as xn--…");
    }
    ascii += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const auto authority = protocols::http::parse_authority(ascii);
  if (!authority || authority->host.size() < ascii.size() || ascii.find('%') != ascii.npos) {
    return NoUrl("its host is no name and no address");
  }
  if (ascii.starts_with('[')) return ascii;
  for (std::string_view name = ascii;;) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    if (dot == 0 && (!name.empty() || ascii.size() == 1)) {
      return NoUrl("a part of its host's name is empty");
    }
    if (dot > most_label_bytes) return NoUrl("a part of its host's name is too long");
    if (dot == name.size()) return ascii;
    name.remove_prefix(dot + 1);
  }
}

ParsedUrl parse_url(std::string_view text, HostToAscii to_ascii) {
  const std::string url = cleaned(text);
  const std::size_t scheme = scheme_size(url);
  if (scheme == url.npos) return NoUrl("it does not begin with http://");
  const std::string_view rest = std::string_view(url).substr(scheme + 1);
  // In example.org:80, `example.org` is not a scheme: the scheme was forgotten.
  if (!rest.starts_with('/')) return NoUrl("it does not begin with http://");
  const std::string_view name = std::string_view(url).substr(0, scheme);
  if (!is_http(name)) return NoUrl(other_scheme(name));
  return from_authority(without_slashes(rest), is_https(name), to_ascii);
}

ParsedUrl resolve(const Url& base, std::string_view text, HostToAscii to_ascii) {
  const std::string cleaned_text = cleaned(text);
  std::string_view reference = cleaned_text;
  bool secure = base.secure;
  if (const std::size_t scheme = scheme_size(reference); scheme != reference.npos) {
    const std::string_view name = reference.substr(0, scheme);
    if (!is_http(name)) return NoUrl(other_scheme(name));
    secure = is_https(name);
    reference.remove_prefix(scheme + 1);
    // `https:x` on a page of http has no base to be relative to.
    if (secure != base.secure) return from_authority(without_slashes(reference), secure, to_ascii);
  }
  if (reference.starts_with("//")) {
    return from_authority(without_slashes(reference), secure, to_ascii);
  }

  const std::string_view base_path = std::string_view(base.target).substr(0, base.target.find('?'));
  Url url = base;
  if (reference.empty()) return url;
  if (reference[0] == '/') {
    url.target = target_of(reference);
  } else if (reference[0] == '?') {
    url.target = target_of(std::string(base_path) + std::string(reference));
  } else {
    const std::string_view folder = base_path.substr(0, base_path.rfind('/') + 1);
    url.target = target_of(std::string(folder) + std::string(reference));
  }
  return url;
}

}  // namespace web
