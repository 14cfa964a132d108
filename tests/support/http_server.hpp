// A small program on a ServerConnection, with the interface of a decoder: a whole conversation as
// one line of text, to be compared for every cut of what the client sends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocols/http/server_connection.hpp"
#include "support/http_transcript.hpp"

/// What the connection reported and what was sent, in the order in which it happened.
struct ServerPiece {
  std::string text;
};

inline std::string describe(const ServerPiece& piece) { return piece.text; }

template <>
inline constexpr bool is_piece<ServerPiece> = true;

/// Responds according to the target: at the end of a request with 200, or as its path requests.
///
///     /early   with 403, at the head        /echo      with its body
///     /stream  in chunks, with a trailer    /upgrade   by agreeing to it, as CONNECT to ok:1
///     /304     with 304                     /bad       with a field that cannot be sent
class HttpServer {
 public:
  using Frame = ServerPiece;
  using Kind = protocols::http::RequestEvent::Kind;

  explicit HttpServer(protocols::http::Limits limits = {}) : http({limits, nullptr}) {}

  void feed(protocols::Bytes bytes) { http.feed(bytes); }
  void copy_tail() { http.copy_tail(); }
  std::error_code error() const { return {}; }
  bool at_boundary() const { return http.phase() == Phase::idle || http.phase() == Phase::over; }

  std::optional<Frame> next() {
    ServerPiece piece;
    if (const auto event = http.next(out)) {
      piece.text = sent() + describe(*event);
      answer(*event);
    }
    piece.text += sent();
    if (piece.text.empty()) return std::nullopt;
    return piece;
  }

  protocols::http::ServerConnection http;
  std::string all_sent;
  std::vector<std::string> methods;  // Of the requests.

 private:
  using Phase = protocols::http::ServerConnection::Phase;

  void answer(const protocols::http::RequestEvent& event) {
    using protocols::as_bytes;
    if (event.kind == Kind::head) {
      target = event.head->target;
      methods.emplace_back(event.head->method);
      const bool upgrades = !event.head->upgrade.empty() || event.head->method == "CONNECT";
      if (target == "/upgrade" && !upgrades) target = "/";
      body.clear();
      if (target == "/early") http.respond(out, 403, {}, as_bytes("no"));
    }
    if (event.kind == Kind::body) body += protocols::as_text(event.bytes);
    if (event.kind != Kind::end) return;
    if (target == "/echo") {
      http.respond(out, 200, {}, as_bytes(body));
    } else if (target == "/stream") {
      http.begin_response(out, 200);
      http.write_body(out, as_bytes("one"));
      http.write_body(out, as_bytes("two"));
      http.end_response(out, {{"T", "1"}});
    } else if (target == "/upgrade" || target == "ok:1") {
      http.switch_protocol(out, "chat");
    } else if (target == "/304" || target == "/204") {
      http.respond(out, target == "/304" ? 304 : 204, {{"ETag", "\"x\""}}, as_bytes("dropped"));
    } else if (target == "/bad") {
      http.respond(out, 302, {{"Location", "/\r\nX: y"}});
    } else {
      http.respond(out, 200, {}, as_bytes("hello"));
    }
  }

  // Lines as "|", so that expectations are readable.
  std::string sent() {
    std::string text;
    all_sent += protocols::as_text(out);
    for (char c : protocols::as_text(out)) {
      if (c == '\n') text += '|';
      if (c != '\r' && c != '\n') text += c;
    }
    out.clear();
    return text.empty() ? text : "{" + text + "}";
  }

  std::string target;
  std::string body;
  std::vector<std::byte> out;
};
