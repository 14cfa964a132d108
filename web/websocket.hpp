// WebSocket (RFC 6455): messages in both directions over one connection, for servers and clients.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocols/websocket/message.hpp"
#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/write_status.hpp"
#include "web/request.hpp"
#include "web/response.hpp"
#include "web/websocket_options.hpp"

namespace web::inline v0 {
class WebSocketState;

#pragma GCC visibility push(default)

class HttpServer;

/// One WebSocket.
///
///     auto socket = web::WebSocket::connect(loop, "ws://127.0.0.1:8080/echo");
///     socket.on_message([&](const web::WebSocket::Message& message) {
///       std::puts(std::string(message.text()).c_str());
///       socket.close();
///     });
///     socket.send("hello");
///
/// Pings are answered, of several only the last one while the peer does not read. While the output
/// of a server's is above the high-water mark, no message is read from its peer.
///
/// Lifetime  Destroying it ends the connection without a close frame, and all callbacks. It may be
///           destroyed in each of its callbacks, and outlive the server. The callbacks are
///           destroyed once it has ended.
/// Thread    The loop's thread only.
/// Cost      About 1 KiB.
class WebSocket {
 public:
  using Bytes = std::span<const std::byte>;
  /// `text()` or `data`; `kind` is text or binary; `first` and `last` with in_pieces. It is valid
  /// until the callback returns.
  using Message = protocols::websocket::Event;
  using Kind = Message::Kind;
  using WriteStatus = reactor::WriteStatus;

  /// Accepts the upgrade that a request to an HttpServer wants. Nothing if it wants none, or its
  /// Origin is not allowed; then the response is sent: 400, 403 or 426.
  [[nodiscard]] static std::optional<WebSocket> accept(const Request& request, Response& response,
                                                       const WebSocketOptions& options = {});

  /// Connects to `ws://HOST[:PORT][/PATH][?QUERY]` or `wss://…`, and opens. Messages may be sent at
  /// once: they wait until it is open.
  ///
  /// Errors    By on_close: those of Stream::connect; invalid_argument for another URL, fields that
  ///           cannot be sent, and wss without `tls`; connection_refused: the server responded with
  ///           a status other than 101; protocol_error: with a response that does not open it.
  [[nodiscard]] static WebSocket connect(reactor::Loop& loop, std::string_view url,
                                         const WebSocketOptions& options = {});

  /// The same over a stream that is connected, or connects: through a proxy, or on a unix socket.
  [[nodiscard]] static WebSocket connect(reactor::Loop& loop, reactor::Stream stream,
                                         std::string_view host, std::string_view target,
                                         const WebSocketOptions& options = {});

  /// A client's is open; a server's is from the start.
  void on_open(reactor::Callback<void()> on_open);
  void on_message(reactor::Callback<void(const Message&)> on_message);
  void on_pong(reactor::Callback<void(Bytes)> on_pong);
  /// More can be sent, after `above_high_water`.
  void on_drained(reactor::Callback<void()> on_drained);
  /// Called once, last, and not after the server is destroyed: close frames were sent in both
  /// directions, or one for an error, or the connection has ended.
  void on_close(reactor::Callback<void(const WebSocketEnd&)> on_close);

  /// Sends a message. `refused`: the text is not UTF-8, max_queued_bytes wait already, or a message
  /// in pieces is unfinished. `above_high_water`: send no more until on_drained.
  WriteStatus send(std::string_view text);
  WriteStatus send(const char* text) { return send(std::string_view(text)); }
  WriteStatus send(Bytes binary);
  WriteStatus send(const Message& message);
  /// Sends the next piece of a message; the first one begins it. Other messages are refused until
  /// the last piece is sent. The pieces of a text must be UTF-8 together.
  WriteStatus send_piece(Kind kind, Bytes piece, bool last);
  /// At most 125 bytes.
  WriteStatus ping(Bytes payload = {});

  /// Sends what waits, and a close frame. The peer's close frame, or close_timeout, then ends the
  /// connection; messages that arrive meanwhile are discarded. close_code::none: without a code.
  /// `refused`, and nothing is sent: a code that is reserved, or a reason that is not UTF-8 or longer than 123 bytes.
  WriteStatus close(std::uint16_t code = close_code::normal, std::string_view reason = {});
  /// Ends the connection by a reset; on_close follows.
  void abort();

  /// Reports no message until resume(); the peer is then stopped from sending.
  void pause();
  void resume();

  /// Messages can be sent.
  [[nodiscard]] bool is_open() const;
  /// The one that both sides agreed on; empty if none.
  [[nodiscard]] const std::string& subprotocol() const;
  [[nodiscard]] bool is_compressed() const;
  /// What waits to be given to the stream.
  [[nodiscard]] std::size_t queued_bytes() const;
  /// The stream below, for its addresses; null once it has ended. Its callbacks are in use.
  [[nodiscard]] reactor::Stream* stream() const;

  /// Internal.
  explicit WebSocket(WebSocketState* state);
  WebSocket(WebSocket&&) noexcept;
  WebSocket& operator=(WebSocket&&) noexcept;
  ~WebSocket();
  [[nodiscard]] WebSocketState* state() const;

 private:
  reactor::Handle<WebSocketState> state_;
};

/// Adds a route that accepts WebSockets and owns each until it has ended, or the server is
/// destroyed.
///
///     web::route_websocket(server, "/echo", [](web::WebSocket& socket) {
///       socket.on_message([&](const web::WebSocket::Message& message) { socket.send(message); });
///     });
/// `on_open` may move it to another owner.
void route_websocket(HttpServer& server, std::string_view pattern,
                     reactor::Callback<void(WebSocket&)> on_open, WebSocketOptions options = {});
void route_websocket(HttpServer& server, std::string_view pattern,
                     reactor::Callback<void(WebSocket&, const Request&)> on_open,
                     WebSocketOptions options = {});

}  // namespace web
#pragma GCC visibility pop
