// The URLs that http_get understands, read as browsers read them.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>

namespace http_get {

/// `http://example.org:8080/a?b`, in the parts that a client needs. All parts are ASCII.
struct Url {
  std::string host;      ///< For the field Host: `example.org:8080`; without the port 80.
  std::string endpoint;  ///< To connect to, with a port: `example.org:80`.
  std::string target;    ///< `/a?b`

  [[nodiscard]] std::string text() const { return "http://" + host + target; }
};

/// A Url, or why the text is none: `it begins with https://`.
using ParsedUrl = tl::expected<Url, std::string>;

/// Reads an absolute http URL by the rules of the URL Standard (url.spec.whatwg.org): blanks around
/// it, and tabs and line ends inside, are dropped; a space, a control character or a byte that is
/// not ASCII is percent-encoded in the path and the query; `\` stands for `/` before the query; `.`
/// and `..` are resolved; the fragment is left out. The host goes through ascii_host().
///
/// A user or a password in the URL is refused (RFC 9110 4.2.4).
[[nodiscard]] ParsedUrl parse_url(std::string_view text);

/// What `reference`, an absolute or a relative one, means on the page `base`.
[[nodiscard]] ParsedUrl resolve(const Url& base, std::string_view reference);

}  // namespace http_get
