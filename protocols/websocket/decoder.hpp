// A stream of WebSocket frames (RFC 6455) as whole messages, or as pieces of messages.
//
//     MessageDecoder decoder(Settings{.role = Role::server});
//     decoder.feed(bytes);
//     while (auto event = decoder.next()) {
//       if (event->kind == Event::Kind::ping) writer.pong(out, event->data);
//       if (event->kind == Event::Kind::close) writer.close(out, event->code);
//     }
//     if (decoder.error()) writer.close(out, close_code_of(decoder.error()));
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocols/frame_decoder.hpp"
#include "protocols/websocket/inflater.hpp"
#include "protocols/websocket/message.hpp"
#include "protocols/websocket/utf8.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::websocket {

/// What a decoder of WebSocket frames expects and accepts.
struct Settings {
  Role role = Role::server;
  /// The payload of one frame of a message, as it is transmitted.
  std::uint64_t max_frame_bytes = 1 << 22;
  /// A message, inflated if it was compressed.
  std::uint64_t max_message_bytes = 1 << 22;
  /// Report each piece of a message when it arrives, and keep none. A piece of a text may end in
  /// the middle of a character.
  bool in_pieces = false;
  /// Set after permessage-deflate was negotiated; outlives the decoder. Without it a compressed
  /// message is an error.
  Inflater* inflater = nullptr;
};

/// The protocol of MessageDecoder.
class Messages {
 public:
  using Frame = Event;
  using Progress = NoProgress;

  Messages(const Settings& settings = {}) : settings_(settings) {}

  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress&);

  /// True between messages, and after a close frame.
  [[nodiscard]] bool at_boundary() const { return !in_message_ || phase_ == Phase::closed; }

  /// True after a close frame: what follows is discarded unread.
  [[nodiscard]] bool closed() const { return phase_ == Phase::closed; }

  /// The bytes of the stream that the last event took: a message's reach back to its first frame,
  /// or to the last control frame inside it, so that no two events overlap.
  [[nodiscard]] std::uint64_t frame_bytes() const { return event_bytes_; }

  /// How many bytes before the decoder's position() belong to a message that is not complete.
  [[nodiscard]] std::uint64_t unfinished_bytes() const { return message_bytes_; }

 private:
  enum class Phase : unsigned char {
    frame,      // A frame begins.
    payload,    // `left_` bytes of a message's frame are missing.
    inflating,  // More of `compressed_` can be inflated.
    release,    // As `frame`, after a large message.
    closed,
  };
  struct Header;

  Parsed<Frame> parse_frame(Bytes bytes);
  [[nodiscard]] std::optional<DecodeError> wrong_first(unsigned char first) const;
  std::optional<Parsed<Frame>> read_length(Bytes bytes, Header& header) const;
  [[nodiscard]] std::uint64_t room_in_message(const Header& header) const;
  Parsed<Frame> parse_control(Bytes bytes, const Header& header);
  Parsed<Frame> parse_close(Bytes payload, const Header& header);
  Parsed<Frame> control_event(Event::Kind kind, Bytes data, std::size_t size);
  Parsed<Frame> parse_payload(Bytes bytes, std::size_t begin);
  Parsed<Frame> inflate_payload(Bytes payload, std::size_t end);
  Parsed<Frame> inflate_more(std::size_t end);
  Parsed<Frame> pass_on(Bytes piece, std::size_t end);
  Bytes keep(Bytes payload);
  std::byte* room_for(std::size_t size);

  Settings settings_;
  Phase phase_ = Phase::frame;
  bool in_message_ = false;
  Event::Kind kind_{};        // Of the message.
  bool is_deflated_ = false;  // The message.
  bool is_masked_ = false;    // The frame.
  bool is_last_ = false;      // The frame.
  bool is_first_ = false;     // No piece of the message was reported yet.
  MaskKey key_{};
  Utf8Check text_;
  std::uint64_t left_ = 0;           // Of the payload of the frame.
  std::uint64_t message_size_ = 0;   // The size of the message so far.
  std::uint64_t message_bytes_ = 0;  // The bytes of the stream that it took, after the last event.
  std::uint64_t event_bytes_ = 0;
  std::vector<std::byte> room_;  // Begins with `used_` bytes of the message.
  std::size_t used_ = 0;
  std::vector<std::byte> compressed_;  // Payload that was not inflated yet, from `inflated_` on.
  std::size_t inflated_ = 0;
  std::array<std::byte, max_control_bytes> control_{};
};

/// Splits a stream into messages and control frames. Frames of either kind are strictly checked:
/// masks, reserved bits and opcodes, the order of fragments, minimal lengths, close codes, and
/// UTF-8, each at the byte that is wrong.
///
/// Errors    The DecodeErrors listed under WebSocket, and too_large; close_code_of() in close.hpp
///           returns the code to close with. In a compressed message the position of an error may
///           be some bytes off: an inflater reads ahead.
/// Cost      A server copies each payload once, to unmask it. A client's message in one frame is a
///           view of what was fed. Memory grows with the bytes received; more than 64 KiB is not
///           kept after a message.
using MessageDecoder = FrameDecoder<Messages>;

}  // namespace protocols::websocket
#pragma GCC visibility pop
