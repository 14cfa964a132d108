#include "samples/websocket_chat/rooms.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "samples/support/failed.hpp"
#include "samples/websocket_chat/page.hpp"

namespace websocket_chat {
namespace {

constexpr std::size_t max_name_bytes = 32;

// A name that the page can show beside others.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= max_name_bytes && text.front() != '*' &&
         std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return c < ' ' || c == '\x7f' || c == ':'; });
}

}  // namespace

web::HttpServerOptions Rooms::http_options(std::optional<reactor::TlsContext> tls) {
  web::HttpServerOptions options;
  options.max_body_bytes = 0;
  options.server.max_connections = 1000;
  options.server.tls = std::move(tls);
  return options;
}

web::WebSocketOptions Rooms::websocket_options() {
  web::WebSocketOptions options;
  options.max_message_bytes = 4096;
  options.max_queued_bytes = 64 * 1024;
  return options;
}

Rooms::Rooms(reactor::Loop& loop, const std::string& endpoint,
             std::optional<reactor::TlsContext> tls)
    : server_(loop, http_options(std::move(tls))) {
  server_.route("GET", "/", [](const web::Request&, web::Response response) {
    response.send(200,
                  {{"Content-Type", "text/html; charset=utf-8"},
                   {"Content-Security-Policy",
                    "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"}},
                  page);
  });
  server_.route("GET", "/favicon.ico",
                [](const web::Request&, web::Response response) { response.send(204, {}, {}); });
  web::route_websocket(
      server_, "/rooms/{room}",
      [this](web::WebSocket& socket, const web::Request& request) { enter(socket, request); },
      websocket_options());
  address_ = samples::value_of(server_.listen(endpoint));
}

void Rooms::enter(web::WebSocket& socket, const web::Request& request) {
  const std::string& room_name = request.parameter("room");
  std::string name = request.query_parameter("name").value_or("");
  if (name.empty()) name = "guest-" + std::to_string(++guests_);
  if (!is_name(room_name) || !is_name(name)) {
    socket.close(web::close_code::policy_violation, "this name is not allowed");
    return;
  }
  const Place room = rooms_.try_emplace(room_name).first;
  if (!room->second.names.insert(name).second) {
    socket.close(web::close_code::policy_violation, "this name is taken");
    return;
  }
  room->second.topic.join(socket);
  room->second.topic.publish("* " + name + " joined");
  std::string present = "* here:";
  for (const std::string& each : room->second.names) present.append(" ").append(each);
  socket.send(present);
  socket.on_message([room, name](const web::WebSocket::Message& message) {
    room->second.topic.publish(name + ": " + std::string(message.text()));
  });
  socket.on_close([this, room, name](const web::WebSocketEnd&) { leave(room, name); });
}

void Rooms::leave(Place room, const std::string& name) {
  room->second.names.erase(name);
  room->second.topic.publish("* " + name + " left");
  if (room->second.names.empty()) rooms_.erase(room);
}

}  // namespace websocket_chat
