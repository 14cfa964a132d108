// How an HTTP connection becomes a WebSocket (RFC 6455 4): the request, the response, and what each
// side checks. Sending and receiving them is the part of protocols/http.
//
//     GET /chat HTTP/1.1                                HTTP/1.1 101 Switching Protocols
//     Host: example.org                                 Upgrade: websocket
//     Upgrade: websocket                                Connection: upgrade
//     Connection: Upgrade                               Sec-WebSocket-Accept: s3pPLMBiTxaQ9k…
//     Sec-WebSocket-Version: 13
//     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/encoder.hpp"
#include "protocols/http/message.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::websocket {

/// The Sec-WebSocket-Key of 16 random bytes.
[[nodiscard]] std::string key_of(const std::array<std::byte, 16>& random);

/// The Sec-WebSocket-Accept that responds to a Sec-WebSocket-Key.
[[nodiscard]] std::string accept_of(std::string_view key);

/// What a server reads in a request.
///
/// Lifetime  `key` is a view of the head.
struct Opening {
  /// 101 if the request opens a WebSocket. Otherwise that of the response: 405 (not GET), 426 (no
  /// upgrade to WebSocket, or another version; with upgrade_required()), or 400.
  int status = 101;
  std::string_view problem;  ///< For people, unless the status is 101.
  std::string_view key;
};

/// Reads a request that a RequestDecoder has accepted. A request with a body is refused: what
/// follows it must be frames.
[[nodiscard]] Opening read_opening(const http::RequestHead& head);

/// The fields of a 426 response: `Upgrade`, and the version that is supported.
[[nodiscard]] http::FieldLines upgrade_required();

/// The first subprotocol that the request offers and `supported` contains; empty if there is none.
[[nodiscard]] std::string_view choose_subprotocol(const http::RequestHead& head,
                                                  std::span<const std::string_view> supported);

/// All Sec-WebSocket-Extensions fields of a head as one list, for deflate.hpp.
[[nodiscard]] std::string extensions_of(const http::Head& head);

/// The fields of the 101 response, for ServerConnection::switch_protocol(out, "websocket", fields),
/// which adds the others. An empty subprotocol or list of extensions is left out. Nothing if one of
/// them cannot be sent.
[[nodiscard]] std::optional<http::FieldLines> accept_fields(std::string_view key,
                                                            std::string_view subprotocol = {},
                                                            std::string_view extensions = {});

/// What a client offers.
struct Offer {
  std::string key;  ///< key_of(), new for each connection.
  std::vector<std::string> subprotocols = {};
  std::string extensions = {};
};

/// The fields of the request, for ClientConnection::request(out, "GET", target, fields), which adds
/// Host and Connection. Nothing if one of them cannot be sent.
[[nodiscard]] std::optional<http::FieldLines> request_fields(const Offer& offer);

/// What a client reads in a response to its offer.
///
/// Lifetime  Views of the head and of static text.
struct Opened {
  std::string_view problem;  ///< Empty if the WebSocket is open.
  std::string_view subprotocol;
};

/// Checks all that RFC 6455 4.1 requires. The caller checks the extensions, if it has offered any.
[[nodiscard]] Opened read_opened(const http::ResponseHead& head, const Offer& offer);

}  // namespace protocols::websocket
#pragma GCC visibility pop
