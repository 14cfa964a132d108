// The response to a request, written at once or in pieces, now or later.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocols/http/encoder.hpp"
#include "reactor/callback.hpp"
#include "reactor/result.hpp"
#include "reactor/write_status.hpp"
#include "web/file_content.hpp"
#include "web/upgraded.hpp"

namespace web::inline v0 {
class Exchange;

#pragma GCC visibility push(default)

/// Names and values of fields: `{{"Content-Type", "text/html"}, {"ETag", tag}}`.
using protocols::http::FieldList;

/// Sends the response to one request.
///
///     response.send(200, "hello\n");
///     response.send(404, {{"Content-Type", "application/json"}}, "{}");
///
///     response.begin(200, {{"Content-Type", "text/csv"}});        // in pieces
///     response.write("a,b\n");
///     response.end();
///
/// It may be kept and completed later, from the loop's thread. Once it is complete, or the client
/// has gone, or the server is destroyed, each call does nothing and returns `closed`. The server
/// sends Content-Length, Transfer-Encoding, Connection and Date itself; a field with one of the
/// first three names, or whose name or value could end its line (CR, LF, other control characters),
/// is not sent: the call returns `refused`, the response becomes 500, and the log states the field.
///
/// Lifetime  Destroying a Response that is not complete is an error of the handler: the response
///           becomes 500, or if a part of it was sent, the connection is reset.
/// Thread    The loop's thread only.
class Response {
 public:
  using WriteStatus = reactor::WriteStatus;

  /// A whole response, as `text/plain; charset=utf-8`. A body that the client does not take
  /// immediately is kept until it does. Returns `above_high_water` then, and it is complete later.
  WriteStatus send(int status, std::string_view body = {});
  /// The same with any fields, and no Content-Type of its own.
  WriteStatus send(int status, FieldList fields, std::string_view body);

  /// Sends a file, or the part of it that the request selects by Range; or 304, 412 or 416, as the
  /// conditions of the request demand. Adds ETag, Last-Modified, Accept-Ranges, Content-Type and
  /// `X-Content-Type-Options: nosniff`. For a file that could not be opened it sends 404, 403
  /// or 503.
  WriteStatus send_file(reactor::Result<FileContent> file, FieldList fields = {});

  /// Begins a response in pieces, of `length` bytes or in chunks. A response that has no body, as
  /// one to HEAD, is then complete, and write() returns `closed`.
  WriteStatus begin(int status, FieldList fields = {}, std::optional<std::uint64_t> length = {});

  /// Sends a piece. `above_high_water`: write no more until on_drained. A client that takes nothing
  /// for HttpServerOptions::stall_timeout is disconnected. When this iteration of the loop has
  /// spent enough time on this client, the result is `above_high_water` too. Writing on regardless
  /// resets the connection once more than ServerOptions::max_queued_bytes wait.
  WriteStatus write(std::string_view piece);

  /// Ends a response in pieces. One that is shorter than its `length` ends the connection.
  /// `trailers` are sent after chunks only.
  WriteStatus end(FieldList trailers = {});

  /// Sends 103 (Early Hints) before the response.
  WriteStatus early_hints(FieldList fields);

  /// Accepts a CONNECT, or the upgrade to `protocol` that the request wants, by 200 or 101. Returns
  /// what now owns the connection, with the bytes that the client sent behind its request; nothing
  /// if the request wants no upgrade, and then the response can still be sent.
  [[nodiscard]] std::optional<Upgraded> upgrade(std::string_view protocol, FieldList fields = {});

  /// The stream below, for its addresses and Stream::peer_has_ended(); null once nothing can be
  /// sent.
  [[nodiscard]] reactor::Stream* stream() const;

  /// Whether anything can still be sent.
  [[nodiscard]] bool is_open() const;

  /// More can be written, after `above_high_water`.
  void on_drained(reactor::Callback<void()> on_drained);
  /// The connection has ended before the response was complete. Called at most once. Noticed while
  /// the server reads or writes: a client that only closes its side may still read, and looks the
  /// same as one that has gone until something is sent to it.
  void on_close(reactor::Callback<void(const reactor::Error&)> on_close);
  /// The server drains: end a response that has no end of its own.
  void on_finish(reactor::Callback<void()> on_finish);
  /// The server then calls end(), instead of on_finish().
  void end_on_finish();

  /// Internal: the connection classes make responses.
  explicit Response(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  Response(Response&& other) noexcept = default;
  Response& operator=(Response&& other) noexcept;
  ~Response();

 private:
  void abandon() noexcept;

  std::shared_ptr<Exchange> exchange_;  // Null once moved from.
};

}  // namespace web
#pragma GCC visibility pop
