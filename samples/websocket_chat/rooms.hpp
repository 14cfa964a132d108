// The rooms, and the page that shows them.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "reactor/address.hpp"
#include "reactor/loop.hpp"
#include "reactor/tls_context.hpp"
#include "web/http_server.hpp"
#include "web/topic.hpp"
#include "web/websocket.hpp"

namespace websocket_chat {

class Rooms {
 public:
  /// Throws samples::Failed.
  Rooms(reactor::Loop& loop, const std::string& endpoint,
        std::optional<reactor::TlsContext> tls = {});

  [[nodiscard]] static web::HttpServerOptions http_options(
      std::optional<reactor::TlsContext> tls = {});
  [[nodiscard]] static web::WebSocketOptions websocket_options();
  /// A message, what waits for a member, and its request.
  static constexpr std::size_t bytes_each = 512 * 1024;

  [[nodiscard]] const reactor::Address& address() const { return address_; }
  void close() { server_.drain(); }

 private:
  struct Room {
    web::Topic topic;
    std::set<std::string> names;
  };
  using Place = std::map<std::string, Room>::iterator;

  void enter(web::WebSocket& socket, const web::Request& request);
  void leave(Place room, const std::string& name);

  std::map<std::string, Room> rooms_;
  std::size_t guests_ = 0;
  web::HttpServer server_;
  reactor::Address address_;
};

}  // namespace websocket_chat
