// WebSockets of an HttpServer and of clients, whose peers send what the fuzzer likes once they are
// open. Whatever arrives, what is sent back are valid frames.
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/session.hpp"
#include "protocols/websocket/decoder.hpp"
#include "web/http_server.hpp"
#include "web/topic.hpp"
#include "web/websocket.hpp"

namespace websocket_session_fuzz {

namespace {

using protocols::websocket::Event;
using protocols::websocket::MessageDecoder;

struct Seen {
  std::string messages;
  std::size_t ends = 0;
};

void watch(web::WebSocket& socket, Seen& seen) {
  socket.on_message([&](const web::WebSocket::Message& message) {
    seen.messages += message.text();
    if (message.kind == Event::Kind::text && message.text().starts_with("close")) {
      socket.close(web::close_code::normal, message.text().substr(0, 100));
    } else if (message.text() == "pause") {
      socket.pause();
    } else {
      socket.send(message);
    }
  });
  socket.on_close([&](const web::WebSocketEnd& end) {
    ++seen.ends;
    fuzz::require(end.error || end.code != web::close_code::abnormal, "an end without a cause");
  });
}

// What a server has sent: the response, then frames.
void check_sent(const std::string& received) {
  const std::size_t head = received.find("\r\n\r\n");
  fuzz::require(head != received.npos, "no response");
  MessageDecoder decoder(
      protocols::websocket::Settings{.role = protocols::websocket::Role::client});
  const std::string_view frames = std::string_view(received).substr(head + 4);
  decoder.feed(protocols::as_bytes(frames));
  std::size_t closes = 0;
  while (const auto event = decoder.next()) closes += event->kind == Event::Kind::close;
  fuzz::require(!decoder.error(), "sent what is no frame: " + received);
  fuzz::require(closes <= 1, "closed twice");
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static reactor::Loop loop;
  static const std::string endpoint = fuzz::endpoint("websocket");
  Seen seen;
  web::Topic topic;
  {
    web::WebSocketOptions options;
    options.max_message_bytes = 1000;
    options.deflate.reset();
    options.in_pieces = input.number(1) == 1;
    web::HttpServer server(loop);
    web::WebSocket* opened = nullptr;
    web::route_websocket(
        server, "/",
        [&](web::WebSocket& socket) {
          opened = &socket;
          topic.join(socket);
          watch(socket, seen);
        },
        options);
    fuzz::require(server.listen(endpoint).has_value(), "it does not listen");
    fuzz::Peer peer(endpoint);
    peer.send(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    fuzz::run_iterations(loop);
    fuzz::require(opened != nullptr, "it does not open");
    while (!input.rest().empty()) {
      const std::size_t size = input.number(255);
      peer.send(input.bytes(size));
      fuzz::run_iterations(loop);
      if (size % 4 == 0) topic.publish("published");
      if (size % 4 == 1 && seen.ends == 0) opened->resume();
      if (size % 16 == 2 && seen.ends == 0) opened->ping();
    }
    fuzz::run_iterations(loop);
    check_sent(peer.received());
    peer.end();
    fuzz::run_iterations(loop);
    fuzz::require(seen.ends <= 1, "ended twice");
  }
  fuzz::run_iterations(loop);
  fuzz::require(topic.size() == 0, "it is still a member");
}

const fuzz::Target target("websocket_session", fuzz_one);

}  // namespace websocket_session_fuzz
