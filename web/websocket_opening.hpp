// The client's half of the handshake that opens a WebSocket. Internal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/client_connection.hpp"
#include "protocols/websocket/deflate_offer.hpp"
#include "protocols/websocket/handshake.hpp"
#include "reactor/result.hpp"
#include "web/websocket_options.hpp"

namespace web::inline v0 {

class WebSocketOpening {
 public:
  using Deflate = std::optional<protocols::websocket::DeflateParameters>;

  WebSocketOpening(std::string_view host, std::string_view target, const WebSocketOptions& options);

  /// The request. An Error if it cannot be sent.
  [[nodiscard]] reactor::Result<std::vector<std::byte>> request();

  /// What follows the response is appended to `rest`. False while the response is incomplete.
  [[nodiscard]] reactor::Result<bool> read(protocols::Bytes bytes, std::vector<std::byte>& rest);
  /// The server sends no more: why it is not open.
  [[nodiscard]] reactor::Error finish();

  [[nodiscard]] const std::string& subprotocol() const { return subprotocol_; }
  [[nodiscard]] const Deflate& deflate() const { return deflate_; }

 private:
  [[nodiscard]] reactor::Error error(std::errc code, std::string hint) const;
  [[nodiscard]] std::optional<reactor::Error> check(const protocols::http::ResponseHead& head);

  std::string subject_;
  std::string target_;
  protocols::http::ClientConnection http_;
  protocols::websocket::Offer offer_;
  std::vector<std::pair<std::string, std::string>> fields_;
  Deflate offered_;
  Deflate deflate_;
  std::string subprotocol_;
  bool accepted_ = false;
};

}  // namespace web
