// The URLs that http_get understands, parsed as browsers parse them.
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

/// A Url, or why the text is not one: `it begins with https://`.
using ParsedUrl = tl::expected<Url, std::string>;

/// Parses an absolute http URL by the rules of the URL Standard (url.spec.whatwg.org). It drops
/// blanks around the URL, and tabs and line ends inside. It percent-encodes spaces, control
/// characters and bytes beyond ASCII in the path and the query. Before the query it takes `\` for
/// `/`. It resolves `.` and `..`, and leaves out the fragment. The host goes through ascii_host().
///
/// A user or a password in the URL is refused (RFC 9110 4.2.4).
[[nodiscard]] ParsedUrl parse_url(std::string_view text);

/// The URL that `reference`, absolute or relative, means on the page `base`.
[[nodiscard]] ParsedUrl resolve(const Url& base, std::string_view reference);

}  // namespace http_get
