// What an HttpClient keeps and waits for, and by which ways it reaches servers.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/message.hpp"
#include "reactor/address.hpp"
#include "reactor/connect_options.hpp"
#include "reactor/duration.hpp"
#include "reactor/result.hpp"
#include "reactor/tls_context.hpp"
#include "web/url.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// The limits of an HttpClient. The defaults are finite, and safe with unknown servers.
///
///     auto tls = reactor::TlsContext::client({.alpn = {"http/1.1"}});
///     if (!tls) return fail(tls.error());
///     web::HttpClient client(loop, {.max_body_bytes = 1 << 20, .tls = *tls});
struct HttpClientOptions {
  /// The limits of the decoder. A body that is read as it arrives is limited by
  /// `limits.max_body_bytes` alone, also after it is decompressed.
  protocols::http::Limits limits = {};
  /// A body that is collected, after it is decompressed.
  std::size_t max_body_bytes = 16 * 1024 * 1024;
  int max_redirects = 10;        ///< One more is an error.
  bool follow_redirects = true;  ///< Otherwise a redirect is the response.

  // ---- Connections

  std::size_t max_connections = 256;           ///< Of the client.
  std::size_t max_connections_per_origin = 8;  ///< To one scheme, host and port.
  reactor::ConnectOptions connect = {};

  // ---- Time

  /// For the head of the response, from the end of the request on. Informational responses do not
  /// extend it, nor does the body of a redirect.
  reactor::Duration response_timeout = std::chrono::seconds(30);
  /// For more of a body, in either direction. Time in which the fetch is paused does not count.
  reactor::Duration stall_timeout = std::chrono::seconds(30);
  /// For everything, from send() on, with the wait for a connection, all redirects and pauses.
  reactor::Duration total_timeout = std::chrono::minutes(5);
  /// For the next request on a connection; then it is closed. A server that announces a shorter
  /// time by `Keep-Alive: timeout=N` gets no request in the last second of it.
  reactor::Duration idle_timeout = std::chrono::seconds(30);

  // ---- Ways

  /// For https, which is refused without it. Its ALPN list is empty or has "http/1.1" only.
  std::optional<reactor::TlsContext> tls = {};
  /// Connects to these addresses of a host, whatever their ports, instead of looking it up.
  std::map<std::string, std::vector<reactor::Address>, std::less<>> addresses = {};
  /// The `HOST:PORT` of a proxy: http URLs are requested from it, and https connections made
  /// through it by CONNECT. Empty: no proxy.
  std::string proxy = {};
  std::string proxy_authorization = {};  ///< Proxy-Authorization; no other server gets it.
  /// Hosts that are reached directly: `localhost`, `.example.org` for all names that end so.
  std::vector<std::string> no_proxy = {};

  // ---- What is sent and accepted

  /// Requests gzip and deflate, and decompresses such responses, where zlib was found when the
  /// library was built. Not for requests that have Accept-Encoding or Range.
  bool decompress = true;
  std::string user_agent = "uvreactor";  ///< For requests without User-Agent; empty: not sent.
  /// For hosts that are not ASCII: see ascii_host_only().
  HostToAscii to_ascii = ascii_host_only;

  /// Refuses values that no client can use; each request calls it.
  ///
  /// Errors    invalid_argument, with a hint that names the option.
  [[nodiscard]] reactor::Result<void> check() const;

  /// Whether a proxy is used for this URL.
  [[nodiscard]] bool uses_proxy(const Url& url) const;
};

}  // namespace web
#pragma GCC visibility pop
