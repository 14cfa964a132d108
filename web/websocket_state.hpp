// One WebSocket: messages in and out, pings, and the handshake that closes it. Internal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/websocket/decoder.hpp"
#include "reactor/handle.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/loop.hpp"
#include "reactor/timer.hpp"
#include "web/topic_member.hpp"
#include "web/websocket_opening.hpp"
#include "web/websocket_options.hpp"
#include "web/websocket_output.hpp"
#include "web/websocket_transport.hpp"

namespace web::inline v0 {

class WebSocketState final : public reactor::HandleState {
 public:
  using Bytes = protocols::Bytes;
  using Deflate = std::optional<protocols::websocket::DeflateParameters>;

  WebSocketState(reactor::Loop& loop, protocols::websocket::Role role,
                 const WebSocketOptions& options);
  ~WebSocketState() override = default;

  /// The connection is the WebSocket's from now on.
  void attach(WebSocketTransport transport);
  /// Opens it when `opening` has got its response.
  void open_by(WebSocketOpening opening, reactor::Duration timeout);
  void open(const Deflate& deflate, std::string subprotocol);
  /// It could not be opened; on_close follows.
  void fail_to_open(reactor::Error error);

  // ---- The user calls these.
  reactor::WriteStatus note(reactor::WriteStatus written);
  reactor::WriteStatus close(std::uint16_t code, std::string_view reason);
  void abort();
  void pause();
  void resume();
  [[nodiscard]] bool is_server() const {
    return settings_.role == protocols::websocket::Role::server;
  }
  [[nodiscard]] bool is_open() const { return phase_ == Phase::open; }
  [[nodiscard]] reactor::Stream* stream() { return transport_ ? transport_->stream() : nullptr; }

  WebSocketOutput output;
  TopicMember member{*this};
  std::string subprotocol;
  reactor::Callback<void()> on_open;
  reactor::Callback<void(const protocols::websocket::Event&)> on_message;
  reactor::Callback<void(std::span<const std::byte>)> on_pong;
  reactor::Callback<void()> on_drained;
  reactor::Callback<void(const WebSocketEnd&)> on_close;
  /// After on_close: for what owns the WebSocket.
  reactor::Callback<void()> on_released;

 private:
  enum class Phase : unsigned char {
    opening,
    open,
    closing,    // A close frame was sent, and none received.
    finishing,  // Nothing more is read; what waits is sent, then the connection ends.
    ended,
  };
  // What the callbacks of the connection hold: they may be destroyed after the state.
  struct Link {
    WebSocketState* state;
  };
  class LastLink;

  void read(Bytes bytes);
  void deliver();
  void start();
  [[nodiscard]] bool may_deliver() const;
  void take(const protocols::websocket::Event& event);
  void take_close(const protocols::websocket::Event& event);
  void fail(const std::error_code& error);
  void finish();
  void finish_if_sent();
  void drain();
  void end_of_input();
  void end(const reactor::Error& error);
  void release();
  void on_idle();
  void on_late();
  [[nodiscard]] std::uint64_t progress();
  void on_retired() noexcept override;

  std::unique_ptr<protocols::websocket::Inflater> inflater_;
  protocols::websocket::Settings settings_;
  std::optional<protocols::websocket::MessageDecoder> decoder_;
  std::unique_ptr<WebSocketOpening> opening_;
  std::optional<WebSocketTransport> transport_;
  std::shared_ptr<Link> link_;
  reactor::IdleTimeout idle_timeout_;
  reactor::Timer late_;    // For opening and closing.
  reactor::Timer resume_;  // There is more to deliver.
  reactor::Duration half_idle_;
  reactor::Duration close_timeout_;
  std::uint64_t progress_ = 0;  // At the last check.
  std::string reason_;          // Of the peer's close frame.
  WebSocketEnd end_;
  Phase phase_ = Phase::opening;
  bool delivering_ = false;
  bool paused_ = false;        // By the user.
  bool stopped_ = false;       // The connection, therefore.
  bool pinged_ = false;        // Nothing has arrived since.
  bool owes_drained_ = false;  // above_high_water was returned.
};

}  // namespace web
