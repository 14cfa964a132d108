// The parameters of permessage-deflate (RFC 7692 7.1): a client offers them, a server chooses, both
// know then how the messages are compressed. It compresses nothing itself; see inflater.hpp.
//
//     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits      (the client offers)
//     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12   (the server accepts)
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::websocket {

/// How the messages of both directions are compressed: what a side wants, and what was agreed on.
struct DeflateParameters {
  // Each message is compressed for itself, so that the sender need not keep a window between them.
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  // The sender's window is 2^N bytes, 8 to 15; the receiver needs one of this size.
  int server_max_window_bits = 15;
  int client_max_window_bits = 15;

  bool operator==(const DeflateParameters&) const = default;
};

/// The smallest window that zlib can compress with: it makes 9 of 8.
inline constexpr int min_window_bits = 9;

/// The value of the client's Sec-WebSocket-Extensions. It offers to limit its own window.
[[nodiscard]] std::string deflate_offer(const DeflateParameters& wanted = {});

/// What a server has chosen, and the value of its Sec-WebSocket-Extensions.
struct DeflateChoice {
  DeflateParameters parameters;
  std::string field;
};

/// Chooses the first offer of `extensions`, which extensions_of() returns, that can be accepted.
/// `wanted` has upper limits of the windows, and which contexts not to keep. Nothing if there is no
/// acceptable offer: then the messages are not compressed. Other extensions are skipped. An offer
/// with an unknown, repeated or invalid parameter is declined, as is a window of the server that is
/// smaller than `min_window_bits`.
[[nodiscard]] std::optional<DeflateChoice> choose_deflate(std::string_view extensions,
                                                          const DeflateParameters& wanted = {});

/// The result of an offer, of which the client gets the server's response.
struct DeflateResponse {
  bool valid = false;  ///< False: the client must close the connection.
  /// Nothing if the server does not compress.
  std::optional<DeflateParameters> parameters = {};
};

/// Reads the extensions of a response to `deflate_offer(offered)`. A client whose window must be
/// smaller than `min_window_bits` sends its messages uncompressed, which is always allowed.
[[nodiscard]] DeflateResponse read_deflate_response(std::string_view extensions,
                                                    const DeflateParameters& offered = {});

}  // namespace protocols::websocket
#pragma GCC visibility pop
