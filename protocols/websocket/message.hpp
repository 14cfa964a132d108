// What a WebSocket (RFC 6455) carries: messages, pings and pongs, and one close frame at the end.
//
//     byte 0             byte 1               then                then          then
//     +-----+------+--------+ +------+--------+ +-------------------+ +---------+ +-------------+
//     | FIN | RSV  | opcode | | MASK | length | | longer length:    | | masking | | payload,    |
//     | 1   | 3    | 4 bits | | 1    | 7 bits | | 126: u16 big-end. | | key: 4, | | XORed with  |
//     |     |      |        | |      |        | | 127: u64 big-end. | | if MASK | | the key     |
//     +-----+------+--------+ +------+--------+ +-------------------+ +---------+ +-------------+
//
// A message is one frame, or several of which the last has FIN. Frames of a client are masked, and
// those of a server are not.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "protocols/bytes.hpp"

namespace protocols::inline v0::websocket {

/// Which side of the connection this program is.
enum class Role : unsigned char { server, client };

/// The opcode of a frame (RFC 6455 5.2).
enum class Opcode : unsigned char {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

/// The bytes with which a client masks a frame: unpredictable and new for each (RFC 6455 5.3).
using MaskKey = std::array<std::byte, 4>;

/// A ping, a pong and a close frame have at most this many bytes of payload.
inline constexpr std::size_t max_control_bytes = 125;

/// What a decoder reports.
///
/// Lifetime  A frame: valid until the decoder's next next(), feed() or copy_tail().
struct Event {
  /// What has arrived.
  enum class Kind : unsigned char { text, binary, ping, pong, close };

  Kind kind{};
  // Of text and binary. A whole message is both.
  bool first = true;  ///< The piece begins a message.
  bool last = true;   ///< The piece ends the message.
  /// Of a close: its status code, or close_code::none.
  std::uint16_t code = 0;
  /// The message or a piece of it; what a ping or a pong carries; the reason of a close.
  Bytes data;

  [[nodiscard]] std::string_view text() const { return as_text(data); }
};

}  // namespace protocols::websocket
