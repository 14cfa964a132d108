// Sends every message back: open it with `new WebSocket("ws://127.0.0.1:8080/echo")`.
#include <web/http_server.hpp>
#include <web/websocket.hpp>

#include <cstdio>

int main() {
  reactor::Loop loop;
  web::HttpServer server(loop);
  web::route_websocket(server, "/echo", [](web::WebSocket& socket) {
    socket.on_message([&](const web::WebSocket::Message& message) { socket.send(message); });
  });
  auto address = server.listen("127.0.0.1:8080");
  if (!address) return std::fprintf(stderr, "error: %s\n", address.error().message().c_str()), 1;
  loop.run();
}
