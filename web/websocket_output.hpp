// What a WebSocket sends: messages made into frames, of which some wait for the peer. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/websocket/deflate_offer.hpp"
#include "protocols/websocket/encoder.hpp"
#include "reactor/write_status.hpp"
#include "web/websocket_deflate.hpp"
#include "web/websocket_options.hpp"
#include "web/websocket_transport.hpp"

namespace web::inline v0 {

class WebSocketOutput {
 public:
  using Bytes = protocols::Bytes;
  using Kind = protocols::websocket::Event::Kind;
  using WriteStatus = reactor::WriteStatus;
  /// Of one whole message of a server; several connections may share it.
  using Frame = std::shared_ptr<const std::vector<std::byte>>;

  WebSocketOutput(protocols::websocket::Role role, const WebSocketOptions& options);

  /// From now on frames are written to `transport`; before, they wait.
  void open(WebSocketTransport& transport,
            const std::optional<protocols::websocket::DeflateParameters>& deflate);
  /// Nothing can be sent any more.
  void end();

  WriteStatus message(Kind kind, Bytes message);
  WriteStatus piece(Kind kind, Bytes piece, bool last);
  WriteStatus ping(Bytes payload);
  /// Waits while the peer does not read, and is then replaced by a later one.
  void pong(Bytes payload);
  /// False for what a close frame cannot have.
  [[nodiscard]] bool close(std::uint16_t code, std::string_view reason);

  /// A frame that may be dropped while it waits.
  WriteStatus publish(const Frame& frame);
  /// Drops the oldest of those, until `room` bytes fit in `most`. False if that is not possible.
  [[nodiscard]] bool make_room(std::size_t room, std::size_t most, std::uint64_t& dropped);
  /// Whether publish() may have a frame that shared_compressor() has compressed.
  [[nodiscard]] bool takes_compressed() const { return takes_compressed_; }

  /// Drops what waits, except the rest of a frame that was begun.
  void drop_waiting();

  /// The transport has room again.
  void on_drained();

  /// Frames wait, or the transport is above its high-water mark.
  [[nodiscard]] bool is_full() const { return full_ || !is_empty(); }
  [[nodiscard]] bool is_empty() const { return !waiting_ || waiting_->empty(); }
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }
  [[nodiscard]] bool is_compressed() const { return compressor_ != nullptr; }
  /// What the transport has taken.
  [[nodiscard]] std::uint64_t written_bytes() const { return written_bytes_; }

  /// What a frame costs besides its bytes while it waits.
  static constexpr std::size_t frame_bytes = 64;

 private:
  struct Entry {
    Frame frame;
    bool is_droppable;
  };

  [[nodiscard]] bool may_write() const { return transport_ && !is_full(); }
  template <class Encode>
  WriteStatus write(std::size_t size, Encode encode);
  WriteStatus compressed(Kind kind, Bytes message);
  WriteStatus give(Bytes bytes);
  WriteStatus append(Frame frame, bool is_droppable);
  void pump();
  [[nodiscard]] WriteStatus status();

  WebSocketTransport* transport_ = nullptr;
  protocols::websocket::Encoder encoder_;
  std::unique_ptr<Compressor> own_compressor_;
  Compressor* compressor_ = nullptr;
  bool takes_compressed_ = false;
  bool is_server_;
  bool full_ = false;  // The transport, until on_drained().
  bool in_message_ = false;
  bool ended_ = false;
  std::size_t max_queued_bytes_;
  std::size_t compress_from_bytes_;
  std::unique_ptr<std::deque<Entry>> waiting_;  // Null while nothing waits.
  std::unique_ptr<std::deque<Entry>> held_;     // Until a message in pieces is complete.
  std::size_t begun_bytes_ = 0;                 // Of the first one, already written.
  std::size_t waiting_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::optional<std::vector<std::byte>> pong_;
};

}  // namespace web
