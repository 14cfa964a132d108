#include "samples/http_get/url.hpp"

#include "protocols/http/message.hpp"
#include "protocols/http/target.hpp"

namespace http_get {
namespace {

std::string_view without_fragment(std::string_view text) { return text.substr(0, text.find('#')); }

bool has_scheme(std::string_view reference) {
  const std::size_t end = reference.find_first_of(":/?");
  return end != reference.npos && end > 0 && reference[end] == ':';
}

// RFC 3986 5.2.4, of a path that begins with a slash.
std::string remove_dots(std::string_view path) {
  std::string kept;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    const bool up = segment == "/..";
    if (up) kept.erase(std::min(kept.rfind('/'), kept.size()));
    if (!up && segment != "/.") {
      kept += segment;
    } else if (path.empty()) {
      kept += '/';
    }
  }
  return kept;
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  text = without_fragment(text);
  const auto parts = protocols::http::parse_target("GET", text);
  if (!parts || parts->form != protocols::http::TargetForm::absolute ||
      !protocols::http::equal_ignoring_case(parts->scheme, "http")) {
    return std::nullopt;
  }
  const auto& [host, port] = parts->authority;
  Url url;
  url.host = std::string(host) + (port.empty() ? "" : ":" + std::string(port));
  url.endpoint = std::string(host) + ":" + (port.empty() ? "80" : std::string(port));
  url.target = parts->path.empty() ? "/" : std::string(parts->path);
  if (text.find('?') != text.npos) url.target += "?" + std::string(parts->query);
  return url;
}

std::optional<Url> resolve(const Url& base, std::string_view reference) {
  reference = without_fragment(reference);
  if (has_scheme(reference)) return parse_url(reference);
  if (reference.starts_with("//")) return parse_url("http:" + std::string(reference));
  if (reference.empty()) return base;

  const std::string_view base_path = std::string_view(base.target).substr(0, base.target.find('?'));
  const std::size_t question_mark = std::min(reference.find('?'), reference.size());
  std::string path(reference.substr(0, question_mark));
  if (path.empty()) {
    path = base_path;
  } else if (path[0] != '/') {
    path = std::string(base_path.substr(0, base_path.rfind('/') + 1)) + path;
  }
  Url url = base;
  url.target = remove_dots(path) + std::string(reference.substr(question_mark));
  return url;
}

}  // namespace http_get
