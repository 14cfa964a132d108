// An HttpServer under test, and clients that send bytes.
#pragma once

#include <doctest/doctest.h>

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/loop.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "web/http_server.hpp"

/// What a log receives, kept.
struct Logged {
  std::string method;
  std::string target;
  int status = 0;
  std::string error;
};

struct Served {
  explicit Served(web::HttpServerOptions options = {}) {
    server.emplace(loop, std::move(options));
    server->on_response([this](const web::AccessEntry& entry) {
      log.push_back({std::string(entry.method), std::string(entry.target), entry.status,
                     std::string(entry.error)});
    });
    address = ok(server->listen("127.0.0.1:0"));
  }

  Peer& connect() { return clients.emplace_back(loop, connect_to(address)); }

  /// Sends this over a connection of its own, and returns all that arrives until the server closes.
  std::string talk(std::string_view sent) {
    Peer& peer = connect();
    peer.send(sent);
    run_until(loop, [&] { return peer.over(); });
    return peer.received();
  }

  /// The response to one request.
  std::string ask(std::string_view method, std::string_view target, std::string_view fields = {},
                  std::string_view body = {}) {
    std::string text(method);
    text.append(" ").append(target).append(" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
    text.append(fields);
    if (!body.empty()) text.append("Content-Length: " + std::to_string(body.size()) + "\r\n");
    return talk(text.append("\r\n").append(body));
  }

  /// Runs the loop until the client has received this.
  void until_received(Peer& peer, std::string_view text) {
    run_until(loop, [&] { return peer.received().find(text) != std::string::npos; });
  }
  void until_logged(std::size_t count) {
    run_until(loop, [&] { return log.size() >= count; });
  }

  reactor::Loop loop;
  std::vector<Logged> log;
  std::optional<web::HttpServer> server;
  reactor::Address address;
  std::list<Peer> clients;
};

inline std::string get(std::string_view target, std::string_view fields = {}) {
  std::string text = "GET ";
  return text.append(target).append(" HTTP/1.1\r\nHost: h\r\n").append(fields).append("\r\n");
}

/// The status of the first response; 0 if there is none.
inline int status_of(const std::string& received) {
  return received.starts_with("HTTP/1.1 ") ? std::stoi(received.substr(9, 3)) : 0;
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline std::string body_of(const std::string& received) {
  const std::size_t end = received.find("\r\n\r\n");
  return end == std::string::npos ? "" : received.substr(end + 4);
}
