// The URLs that http_get understands.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace http_get {

/// `http://example.org:8080/a?b`, in the parts that a client needs.
struct Url {
  std::string host;      ///< For the field Host: `example.org:8080`.
  std::string endpoint;  ///< To connect to, with a port: `example.org:80`.
  std::string target;    ///< `/a?b`

  [[nodiscard]] std::string text() const { return "http://" + host + target; }
};

/// Nothing where `text` is no absolute http URL. What follows a `#` is left out.
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);

/// What `reference`, an absolute or a relative one, means on the page `base` (RFC 3986 5.2).
[[nodiscard]] std::optional<Url> resolve(const Url& base, std::string_view reference);

}  // namespace http_get
