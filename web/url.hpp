// The URLs of an HttpClient, parsed as browsers parse them.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// `https://example.org:8443/a?b`, in the parts that a client needs. All parts are ASCII.
struct Url {
  bool secure = false;   ///< The scheme is https.
  std::string host;      ///< For the field Host: `example.org:8443`; without the default port.
  std::string endpoint;  ///< To connect to, with a port: `example.org:8443`.
  std::string target;    ///< `/a?b`

  [[nodiscard]] std::string_view scheme() const { return secure ? "https" : "http"; }
  /// Scheme, host and port, which make an origin (RFC 6454).
  [[nodiscard]] std::string origin() const { return std::string(scheme()) + "://" + host; }
  [[nodiscard]] std::string text() const { return origin() + target; }
  /// The host alone, without brackets: the name that a certificate must have.
  [[nodiscard]] std::string name() const;

  bool operator==(const Url&) const = default;
};

/// A Url, or why the text is not one: `it begins with ftp:`.
using ParsedUrl = tl::expected<Url, std::string>;

/// Makes the host of a URL a name in ASCII, or an address, in lower case; or states what is wrong.
using HostToAscii = tl::expected<std::string, std::string> (*)(std::string_view host);

/// Refuses names that are not ASCII: the URL must have them as Punycode (`xn--bcher-kva.example`).
[[nodiscard]] tl::expected<std::string, std::string> ascii_host_only(std::string_view host);

/// Parses an absolute http or https URL by the rules of the URL Standard (url.spec.whatwg.org). It
/// drops blanks around the URL, and tabs and line ends inside. It percent-encodes spaces, control
/// characters and bytes beyond ASCII in the path and the query. Before the query it takes `\` for
/// `/`. It resolves `.` and `..`, and leaves out the fragment.
///
/// A user or a password in the URL is refused (RFC 9110 4.2.4).
[[nodiscard]] ParsedUrl parse_url(std::string_view text, HostToAscii to_ascii = ascii_host_only);

/// The URL that `reference`, absolute or relative, means on the page `base`.
[[nodiscard]] ParsedUrl resolve(const Url& base, std::string_view reference,
                                HostToAscii to_ascii = ascii_host_only);

}  // namespace web
#pragma GCC visibility pop
