// The connection below a WebSocket: an upgraded one of a server, or a client's stream. Internal.
#pragma once

#include <utility>
#include <variant>

#include "protocols/bytes.hpp"
#include "reactor/duration.hpp"
#include "reactor/stream.hpp"
#include "reactor/write_status.hpp"
#include "web/upgraded.hpp"

namespace web::inline v0 {

class WebSocketTransport {
 public:
  explicit WebSocketTransport(Upgraded connection) : connection_(std::move(connection)) {}
  explicit WebSocketTransport(reactor::Stream stream) : connection_(std::move(stream)) {}

  [[nodiscard]] bool is_server() const { return connection_.index() == 0; }

  /// For callbacks: both have those of a stream.
  template <class Function>
  void visit(Function function) {
    std::visit(function, connection_);
  }

  reactor::WriteStatus write(protocols::Bytes bytes) {
    return std::visit([&](auto& connection) { return connection.write(bytes); }, connection_);
  }
  void pause() {
    visit([](auto& connection) { connection.pause(); });
  }
  void resume() {
    visit([](auto& connection) { connection.resume(); });
  }
  /// What was written is sent, within `timeout`.
  void close(reactor::Duration timeout) {
    if (reactor::Stream* const below = stream()) below->close(timeout);
    if (Upgraded* const upgraded = std::get_if<Upgraded>(&connection_)) upgraded->close();
  }
  /// Also while it closes.
  void abort() {
    if (reactor::Stream* const below = stream()) below->abort();
  }
  [[nodiscard]] reactor::Stream* stream() {
    Upgraded* const upgraded = std::get_if<Upgraded>(&connection_);
    return upgraded ? upgraded->stream() : &std::get<reactor::Stream>(connection_);
  }

 private:
  std::variant<Upgraded, reactor::Stream> connection_;
};

}  // namespace web
