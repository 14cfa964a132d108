// WebSocket servers and clients under test, and their other ends.
#pragma once

#include <doctest/doctest.h>

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/websocket/handshake.hpp"
#include "reactor/socket_option.hpp"
#include "support/websocket.hpp"
#include "web/served.hpp"
#include "web/websocket.hpp"

inline std::string open_request(std::string_view fields = {}, std::string_view target = "/") {
  return get(target, std::string("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
                         .append(fields));
}

/// What follows the head.
inline std::string frames_of(const Peer& peer) { return body_of(peer.received()); }

inline constexpr std::string_view deflate_fields =
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// A server whose route / keeps its WebSockets, what they receive, and how they end.
struct WebSockets : Served {
  explicit WebSockets(web::WebSocketOptions options = {}, web::HttpServerOptions http = {})
      : Served(std::move(http)) {
    web::route_websocket(
        *server, "/",
        [this](web::WebSocket& socket) {
          sockets.push_back(&socket);
          socket.on_message([this, &socket](const web::WebSocket::Message& message) {
            if (keep) received += describe(message);
            if (echo) socket.send(message);
          });
          socket.on_close([this](const web::WebSocketEnd& end) {
            ends.push_back(end);
            reasons.emplace_back(end.reason);
            ends.back().reason = reasons.back();
          });
        },
        std::move(options));
  }

  /// A client that has got the response.
  Peer& open(std::string_view fields = {}) {
    const std::size_t before = sockets.size();
    Peer& peer = connect();
    CHECK(peer.socket().set(reactor::option::no_delay, true));
    peer.send(open_request(fields));
    until_received(peer, "\r\n\r\n");
    REQUIRE(sockets.size() == before + 1);
    return peer;
  }

  /// The server ends the connection, then the client does.
  void until_ended(Peer& peer) {
    ++ended;
    run_until(loop, [&] { return peer.over() && ends.size() >= ended; });
    peer.finish();
  }

  web::WebSocket& last() { return *sockets.back(); }
  [[nodiscard]] std::string url() const { return "ws://" + address.to_string() + "/"; }

  std::vector<web::WebSocket*> sockets;
  std::vector<web::WebSocketEnd> ends;
  std::list<std::string> reasons;
  std::string received;
  std::size_t ended = 0;
  bool echo = false;
  bool keep = true;
};

/// A client whose server sends what the test says.
struct Scripted {
  explicit Scripted(web::WebSocketOptions options = {}) {
    auto [near, far] = connected_sockets(Transport::tcp4);
    far_end.emplace(loop, std::move(far));
    CHECK(peer().socket().set(reactor::option::no_delay, true));
    client.emplace(web::WebSocket::connect(loop, reactor::Stream(loop, std::move(near)), "h", "/",
                                           std::move(options)));
    client->on_message([this](const auto& message) { received += describe(message); });
    client->on_close([this](const web::WebSocketEnd& how) { end = how; });
    run_until(loop, [&] { return contains(peer().received(), "\r\n\r\n"); });
  }

  Peer& peer() { return *far_end; }

  /// Sends a response in which ACCEPT stands for the right value.
  void respond(std::string response) {
    const std::string name = "Sec-WebSocket-Key: ";
    const std::size_t key = peer().received().find(name) + name.size();
    const std::size_t place = response.find("ACCEPT");
    if (place != std::string::npos) {
      response.replace(place, 6,
                       protocols::websocket::accept_of(peer().received().substr(key, 24)));
    }
    peer().send(response);
  }

  void accept(std::string_view fields = {}) {
    bool open = false;
    client->on_open([&] { open = true; });
    respond(std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                        "Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n")
                .append(fields)
                .append("\r\n"));
    run_until(loop, [&] { return open; });
    client->on_open({});
  }

  reactor::Loop loop;
  std::optional<Peer> far_end;
  std::optional<web::WebSocket> client;
  std::string received;
  std::optional<web::WebSocketEnd> end;
};

/// Why a client is not open after this response, and what it received.
inline std::pair<reactor::Error, std::string> opened_by(const std::string& response) {
  Scripted server;
  server.respond(response);
  server.peer().finish();
  run_until(server.loop, [&] { return server.end.has_value(); });
  return {server.end->error, server.received};
}
