// Writes WebSocket frames (RFC 6455 5). Only what a decoder of the other side accepts is written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/websocket/close.hpp"
#include "protocols/websocket/message.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::websocket {

/// The first bytes of a frame, all that is not its payload.
struct FrameHeader {
  Opcode opcode = Opcode::binary;
  bool last = true;                 ///< The frame ends its message.
  bool compressed = false;          ///< Of the first frame of a message with permessage-deflate.
  std::optional<MaskKey> key = {};  ///< A client's frame has one.
};

/// Appends the header of a frame whose payload of `payload_bytes` the caller writes next, masked if
/// there is a key: to send one large payload, or one payload to many.
void append_frame_header(std::vector<std::byte>& out, const FrameHeader& header,
                         std::uint64_t payload_bytes);

/// Appends a frame. The payload is masked in `out`, if there is a key.
void append_frame(std::vector<std::byte>& out, const FrameHeader& header, Bytes payload);

/// XORs `bytes` with the key, in place: what lies `begin` bytes after the beginning of a payload.
void apply_mask(std::span<std::byte> bytes, const MaskKey& key, std::size_t begin = 0);

/// Writes the messages of one side of a connection.
///
///     Encoder server;
///     server.text(out, "hello");
///     server.close(out, close_code::normal);
///
///     Encoder client([&] { return random_key(); });
///
/// Each function returns false, and writes nothing, for what RFC 6455 does not allow to be sent.
class Encoder {
 public:
  using NextKey = std::function<MaskKey()>;

  /// A server's: it does not mask.
  Encoder() = default;

  /// A client's. `next_key` returns bytes that the peer cannot predict, different ones for each
  /// frame: from the system's source of random numbers.
  explicit Encoder(NextKey next_key) : next_key_(std::move(next_key)) {}

  /// A whole message. False while a message that was sent in pieces is unfinished, and for text
  /// that is not UTF-8.
  [[nodiscard]] bool text(std::vector<std::byte>& out, std::string_view message);
  [[nodiscard]] bool binary(std::vector<std::byte>& out, Bytes message);

  /// The next piece of a message; the first one begins it, as `kind` of text or binary. The caller
  /// ensures that the pieces of a text are UTF-8 together.
  [[nodiscard]] bool piece(std::vector<std::byte>& out, Event::Kind kind, Bytes piece, bool last);

  /// A whole message that permessage-deflate has compressed, without the final 00 00 FF FF.
  [[nodiscard]] bool compressed(std::vector<std::byte>& out, Event::Kind kind, Bytes deflated);

  /// Also allowed between the pieces of a message. False for more than 125 bytes.
  [[nodiscard]] bool ping(std::vector<std::byte>& out, Bytes payload = {});
  [[nodiscard]] bool pong(std::vector<std::byte>& out, Bytes payload);

  /// The last frame: nothing can be sent after it. `code` may be that of a received close frame;
  /// close_code::none sends no code. False for a code that must not be sent, and for a reason that
  /// is not UTF-8, is longer than 123 bytes, or comes without a code.
  [[nodiscard]] bool close(std::vector<std::byte>& out, std::uint16_t code = close_code::normal,
                           std::string_view reason = {});

  /// A close frame was written.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  bool write(std::vector<std::byte>& out, FrameHeader header, Bytes payload);
  bool control(std::vector<std::byte>& out, Opcode opcode, Bytes payload);

  NextKey next_key_;
  bool in_message_ = false;
  bool closed_ = false;
};

}  // namespace protocols::websocket
#pragma GCC visibility pop
