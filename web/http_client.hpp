// An HTTP/1.1 client with a pool of connections.
#pragma once

#include <cstddef>
#include <string>

#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "web/fetch.hpp"
#include "web/http_client_options.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// Requests URLs of http, and with a TlsContext of https.
///
///     web::HttpClient client(loop);
///     auto fetch = client.get("http://example.org/", [](reactor::Result<web::FetchResponse> got) {
///       if (!got) return complain(got.error().message());
///       std::printf("%d %s\n", got->status, got->body.c_str());
///     });
///
/// A response of any status is a response; an Error means that there is none, or not all of it.
/// Connections are kept for further requests to the same origin. They do not keep Loop::run going.
///
/// Redirects are followed (301, 302, 303, 307, 308), as RFC 9110 section 15.4 defines: POST becomes
/// GET after 301 and 302, every method but HEAD after 303. On the way to another origin a request
/// loses Authorization, Cookie and Proxy-Authorization, for good. A redirect that demands a
/// streamed body again is not followed: it is the response.
///
/// For https the server is verified as Stream::secure does, by the host of the URL. A connection to
/// an https origin is never used for http.
///
/// Lifetime  Destroying it ends everything; see Fetch. It is legal in every callback.
/// Thread    The loop's thread only.
class HttpClient {
 public:
  using OnDone = reactor::Callback<void(reactor::Result<FetchResponse>)>;

  explicit HttpClient(reactor::Loop& loop, HttpClientOptions options = {});

  /// Starts a request. Calls `on_done` exactly once, last of all its callbacks, and never before
  /// this function has returned.
  ///
  /// Errors    By `on_done`: invalid_argument for what cannot be requested, with a hint: a URL that
  ///           is none, or has a control character or a user in it; a method or a field that could
  ///           end its line; https without a TlsContext. timed_out, with the operation that took
  ///           too long. DecodeError::body_too_large. Those of Stream::connect and of TLS; of the
  ///           decoder; FetchErrc.
  [[nodiscard]] Fetch send(FetchRequest request, OnDone on_done);

  [[nodiscard]] Fetch get(std::string url, OnDone on_done) {
    return send({.url = std::move(url)}, std::move(on_done));
  }

  /// Connections, with those that are idle or connect.
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t idle_connections() const;

  /// Closes the connections that are not in use, for example because the network has changed.
  void close_idle();

 private:
  class [[gnu::visibility("hidden")]] State;

  reactor::Handle<State> state_;
};

}  // namespace web
#pragma GCC visibility pop
