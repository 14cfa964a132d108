// A request of an HttpClient: what is sent, what is received, and the handle meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "protocols/http/collector.hpp"
#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/write_status.hpp"

namespace web::inline v0 {
class FetchState;

#pragma GCC visibility push(default)

/// Why there is no response, beside the errors of connections and decoders.
enum class FetchErrc {
  closed = 1,          ///< The server closed the connection without a response.
  bad_redirect,        ///< A redirect to what is no http or https URL; the hint states why.
  too_many_redirects,  ///< More than HttpClientOptions::max_redirects.
  proxy_refused,       ///< The proxy does not connect to the server; the hint has its status.
  wrong_protocol,      ///< Another protocol than HTTP/1.1 was agreed on by ALPN.
};
[[nodiscard]] std::error_code make_error_code(FetchErrc error);

/// What to request.
struct FetchRequest {
  std::string url;
  std::string method = "GET";
  /// Host, Content-Length, Transfer-Encoding and Connection are sent by the client itself, and
  /// refused here, and so is Upgrade.
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::string body = {};
  /// The body follows by Fetch::write() and end(), of `body_size` bytes, or in chunks.
  bool streams_body = false;
  std::optional<std::uint64_t> body_size = {};
  /// In place of HttpClientOptions::total_timeout.
  std::optional<reactor::Duration> total_timeout = {};
};

/// What the server has sent.
struct FetchResponse {
  int status = 0;
  std::string url;  ///< The one that responded, after all redirects.
  protocols::http::OwnFields fields;
  std::string body;  ///< Empty if Fetch::on_data was set.

  [[nodiscard]] bool is_success() const { return status / 100 == 2; }
  /// The value of the first field of this name, whatever the case of its letters.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const {
    return fields.view().find(name);
  }
};

/// A request on its way. Destroying it cancels it.
///
///     fetch = client.get("http://example.org/large", [](auto response) { … });  // collected
///
///     fetch = client.get("http://example.org/large", [](auto response) { … });
///     fetch.on_data([&](web::Fetch::Bytes bytes) { … });  // as it arrives
///
///     fetch = client.send({.url = url, .method = "PUT", .streams_body = true}, on_done);
///     fetch.write("part of the body");
///     fetch.end();
///
/// A request is sent again, on another connection, if the server closes a used one without having
/// sent anything: for GET, HEAD, OPTIONS, TRACE, PUT and DELETE, and unless the beginning of a
/// streamed body was sent.
///
/// Lifetime  Destroying it ends all callbacks, and closes a connection that is in the middle of it.
///           It may outlive the client: then it fails with operation_canceled. Its callbacks are
///           destroyed when it is done. Every call is legal in every callback.
/// Thread    The loop's thread only.
class Fetch {
 public:
  using Bytes = std::span<const std::byte>;

  /// The head of the final response, with its URL and without its body.
  void on_head(reactor::Callback<void(const FetchResponse&)> on_head);

  /// The body, piece by piece, decompressed; it is then not collected. Set it in on_head or before.
  /// A piece is valid until the callback returns.
  void on_data(reactor::Callback<void(Bytes)> on_data);

  /// Stops reading until resume(); the server is then stopped from sending.
  void pause();
  void resume();

  /// Sends a piece of a streamed body. `above_high_water`: write no more until on_drained, which is
  /// so also while the fetch waits for a connection. `refused`: it would exceed the body_size.
  /// `closed`: the fetch is done, or the body was ended; a server may respond before it has read
  /// all of the body.
  reactor::WriteStatus write(Bytes piece);
  reactor::WriteStatus write(std::string_view piece) {
    return write(std::as_bytes(std::span(piece)));
  }

  /// Ends a streamed body. One that is shorter than its body_size fails with invalid_argument.
  void end();

  /// More can be written, after `above_high_water`.
  void on_drained(reactor::Callback<void()> on_drained);

  /// Waits for a connection before all others. While all connections to its origin are paused by
  /// the users of their fetches, it gets one beyond the limits: so a fetch whose reader those
  /// readers wait for does not wait for them.
  void expedite();

  /// Internal: the client makes fetches.
  explicit Fetch(reactor::Handle<FetchState> state) : state_(std::move(state)) {}

 private:
  reactor::Handle<FetchState> state_;
};

}  // namespace web

template <>
struct std::is_error_code_enum<web::FetchErrc> : std::true_type {};
#pragma GCC visibility pop
