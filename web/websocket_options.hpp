// What a WebSocket accepts, keeps and waits for, and how it ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/websocket/close.hpp"
#include "protocols/websocket/deflate_offer.hpp"
#include "reactor/duration.hpp"
#include "reactor/result.hpp"
#include "reactor/tls_context.hpp"

namespace web::inline v0 {

namespace close_code = protocols::websocket::close_code;

/// The settings of one WebSocket, of either side. The defaults are finite, and safe with unknown
/// peers.
///
///     web::WebSocketOptions options;
///     options.subprotocols = {"chat.v2", "chat.v1"};
///     options.max_message_bytes = 64 * 1024;
///     web::route_websocket(server, "/chat", on_open, options);
struct WebSocketOptions {
  /// What a server supports, or a client offers, the preferred one first.
  std::vector<std::string> subprotocols = {};

  /// Of a message, inflated if it was compressed. A longer one ends the connection with 1009.
  std::size_t max_message_bytes = 1024 * 1024;
  /// Report the pieces of a message as they arrive, and keep none; the limit above still holds.
  bool in_pieces = false;
  /// A message is refused while this much waits for the peer already. So a connection keeps at most
  /// this, one message, and what its stream queues.
  std::size_t max_queued_bytes = 1024 * 1024;

  /// permessage-deflate, where the library has zlib; nothing: messages are not compressed. By
  /// default each message is compressed for itself, and an idle connection keeps no window. With
  /// context takeover messages get smaller, and a connection takes up to 300 KiB.
  std::optional<protocols::websocket::DeflateParameters> deflate =
      protocols::websocket::DeflateParameters{.server_no_context_takeover = true,
                                              .client_no_context_takeover = true};
  /// Shorter messages are sent as they are.
  std::size_t compress_from_bytes = 1024;

  // ---- Time

  /// When nothing has arrived for half of this, a ping is sent; after all of it the connection ends
  /// with timed_out, unless the peer is still receiving what waits for it. max(): never.
  reactor::Duration idle_timeout = std::chrono::seconds(60);
  /// From a close frame to the end of the connection.
  reactor::Duration close_timeout = std::chrono::seconds(5);

  // ---- Servers

  /// Origins of pages (`https://example.org`) that may connect besides those of the same host, or
  /// `*` for any. Without this check any page that a user visits could act in the user's name. A
  /// request without Origin comes from no browser, and is accepted.
  std::vector<std::string> origins = {};

  // ---- Clients

  /// For `wss`: TlsContext::client(), of the library uvreactor-tls.
  std::optional<reactor::TlsContext> tls = {};
  /// Other fields of the request, such as Authorization, Cookie or Origin.
  std::vector<std::pair<std::string, std::string>> fields = {};
  /// For all until the WebSocket is open: lookup, connection, TLS, response.
  reactor::Duration open_timeout = std::chrono::seconds(30);
};

/// How a WebSocket has ended.
struct WebSocketEnd {
  /// Of the peer's close frame; or the one sent to a peer that broke the protocol (1002, 1007 or
  /// 1009); or close_code::abnormal if there was neither.
  std::uint16_t code = close_code::abnormal;
  std::string_view reason = {};  ///< Of the peer's close frame.
  reactor::Error error = {};     ///< Empty after close frames in both directions.
};

}  // namespace web
