#include "protocols/websocket/handshake.hpp"

#include <doctest/doctest.h>

#include "protocols/detail/sha1.hpp"
#include "protocols/http/client_connection.hpp"
#include "protocols/http/request_decoder.hpp"
#include "protocols/http/response_decoder.hpp"
#include "protocols/http/server_connection.hpp"

namespace ws = protocols::websocket;
namespace http = protocols::http;
using protocols::as_bytes;

TEST_SUITE("websocket handshake") {
  static const std::string sample_key = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 1.3

  static std::string hex_sha1(std::string_view text) {
    std::string hex;
    for (const std::byte byte : protocols::detail::sha1(as_bytes(text))) {
      constexpr std::string_view digits = "0123456789abcdef";
      hex += digits[std::to_integer<std::size_t>(byte >> 4)];
      hex += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
    }
    return hex;
  }

  // The response to a request with these lines: a status, and the key if it is 101.
  static std::string opened(std::string_view start, std::string_view lines) {
    http::RequestDecoder decoder;
    const std::string wire = std::string(start) + "\r\nHost: a\r\n" + std::string(lines) + "\r\n";
    decoder.feed(as_bytes(wire));
    const auto event = decoder.next();
    if (!event) return "not HTTP";
    const ws::Opening opening = ws::read_opening(*event->head);
    CHECK(opening.problem.empty() == (opening.status == 101));
    return std::to_string(opening.status) + " " + std::string(opening.key);
  }

  static const std::string upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  static const std::string key = "Sec-WebSocket-Key: " + sample_key + "\r\n";
  static const std::string version = "Sec-WebSocket-Version: 13\r\n";

  TEST_CASE("a request that opens no WebSocket is refused with a status that says why") {
    const std::string get = "GET / HTTP/1.1";
    CHECK(opened(get, "") == "426 ");
    CHECK(opened(get, "Upgrade: h2c\r\nConnection: Upgrade\r\n" + key + version) == "426 ");
    CHECK(opened(get, "Upgrade: websocket\r\n" + key + version) == "426 ");
    CHECK(opened(get, "Upgrade: websocket\r\nConnection: keep-alive\r\n" + key + version) ==
          "426 ");
    CHECK(opened("GET / HTTP/1.0", upgrade + key + version) == "426 ");
    CHECK(opened("POST / HTTP/1.1", upgrade + key + version) == "405 ");
    CHECK(opened(get, upgrade + key + version + "Content-Length: 1\r\n") == "400 ");
    CHECK(opened(get, upgrade + key) == "400 ");
    CHECK(opened(get, upgrade + key + "Sec-WebSocket-Version: 8\r\n") == "426 ");
    CHECK(opened(get, upgrade + key + version + version) == "400 ");
    CHECK(opened(get, upgrade + version) == "400 ");
    CHECK(opened(get, upgrade + version + key + key) == "400 ");
    for (const char* wrong : {"", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j",
                              "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25jZR=="}) {
      CHECK(opened(get, upgrade + version + "Sec-WebSocket-Key: " + wrong + "\r\n") == "400 ");
    }
  }

  TEST_CASE("a request opens a WebSocket in any case and order, and among other upgrades") {
    CHECK(opened("GET /chat HTTP/1.1", upgrade + key + version) == "101 " + sample_key);
    CHECK(opened("GET / HTTP/1.1", version + key +
                                       "CONNECTION: keep-alive, upgrade\r\n"
                                       "uPGRADE: h2c, WebSocket\r\n") == "101 " + sample_key);
  }

  TEST_CASE("the accept value is that of RFC 6455 1.3, and SHA-1 that of FIPS 180-4") {
    CHECK(ws::accept_of(sample_key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK(ws::key_of({}) == "AAAAAAAAAAAAAAAAAAAAAA==");
    CHECK(hex_sha1("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(hex_sha1("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    CHECK(hex_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    CHECK(hex_sha1(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  }

  TEST_CASE("the first subprotocol of the client that the server supports is chosen") {
    http::RequestDecoder decoder;
    decoder.feed(
        as_bytes("GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: x, chat\r\n"
                 "Sec-WebSocket-Protocol: ,superchat\r\n\r\n"));
    const auto event = decoder.next();
    REQUIRE(event);
    const std::string_view both[] = {"superchat", "chat"};
    const std::string_view other[] = {"Chat"};
    CHECK(ws::choose_subprotocol(*event->head, both) == "chat");
    CHECK(ws::choose_subprotocol(*event->head, other).empty());
    CHECK(ws::choose_subprotocol(*event->head, {}).empty());
  }

  TEST_CASE("fields that cannot be sent are not made") {
    CHECK(!ws::accept_fields(sample_key, "a b"));
    CHECK(!ws::accept_fields(sample_key, "", "x\r\ny"));
    CHECK(!ws::request_fields({.key = "short"}));
    CHECK(!ws::request_fields({.key = sample_key, .subprotocols = {"a,b"}}));
    CHECK(ws::upgrade_required().text() == "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    CHECK(ws::accept_fields(sample_key, "chat", "permessage-deflate")->text() ==
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
          "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n");
  }

  // What a client finds wrong with a response; the subprotocol if nothing.
  static std::string read(const ws::Offer& offer, std::string_view status, std::string_view lines) {
    http::ResponseDecoder decoder;
    decoder.protocol().expect("GET");
    const std::string wire =
        "HTTP/1.1 " + std::string(status) + " x\r\n" + std::string(lines) + "\r\n";
    decoder.feed(as_bytes(wire));
    const auto event = decoder.next();
    if (!event) return "not HTTP: " + decoder.error().message();
    const ws::Opened result = ws::read_opened(*event->head, offer);
    return result.problem.empty() ? "open " + std::string(result.subprotocol)
                                  : std::string(result.problem);
  }

  TEST_CASE("a client accepts only the response to its own offer") {
    const ws::Offer offer{.key = sample_key, .subprotocols = {"chat", "superchat"}};
    const std::string accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    CHECK(read(offer, "101", upgrade + accept) == "open ");
    CHECK(read(offer, "101", upgrade + accept + "Sec-WebSocket-Protocol: superchat\r\n") ==
          "open superchat");
    CHECK(read(offer, "200", upgrade + accept) == "the server does not switch protocols");
    CHECK(read(offer, "101", upgrade) == "Sec-WebSocket-Accept does not belong to the key");
    CHECK(read(offer, "101", upgrade + accept + accept) ==
          "Sec-WebSocket-Accept does not belong to the key");
    CHECK(read(offer, "101", "Upgrade: websocket\r\n" + accept) == "Connection is not upgrade");
    CHECK(read(offer, "101", "Connection: upgrade\r\nUpgrade: h2c\r\n" + accept) ==
          "the server does not switch to WebSocket");
    CHECK(read(offer, "101", upgrade + accept + "Sec-WebSocket-Protocol: other\r\n") ==
          "the server chose a subprotocol that was not offered");
    CHECK(read(offer, "101", upgrade + accept + "Sec-WebSocket-Extensions: x\r\n") ==
          "the server uses an extension that was not offered");
    CHECK(read({.key = ws::key_of({})}, "101", upgrade + accept) ==
          "Sec-WebSocket-Accept does not belong to the key");
  }

  TEST_CASE("the connection classes open a WebSocket, and what follows are its frames") {
    const ws::Offer offer{
        .key = sample_key, .subprotocols = {"chat"}, .extensions = "permessage-deflate"};
    const auto request = ws::request_fields(offer);
    REQUIRE(request);
    std::vector<std::byte> to_server, to_client;
    http::ClientConnection client("example.org");
    REQUIRE(client.request(to_server, "GET", "/chat", *request));
    const auto frames = as_bytes("\x81\x80keyk");
    to_server.insert(to_server.end(), frames.begin(), frames.end());

    http::ServerConnection server;
    server.feed(to_server);
    const auto head = server.next(to_client);
    REQUIRE(head);
    const ws::Opening opening = ws::read_opening(*head->head);
    REQUIRE(opening.status == 101);
    CHECK(ws::extensions_of(*head->head) == "permessage-deflate");
    const auto response = ws::accept_fields(opening.key, "chat", "permessage-deflate");
    REQUIRE(response);
    REQUIRE(server.next(to_client));
    CHECK(server.switch_protocol(to_client, "websocket", *response));
    const auto rest = server.next(to_client);
    REQUIRE(rest);
    CHECK(rest->kind == http::RequestEvent::Kind::tunnel);
    CHECK(protocols::as_text(rest->bytes) == protocols::as_text(frames));

    client.feed(to_client);
    const auto answer = client.next();
    REQUIRE(answer);
    const ws::Opened opened_by = ws::read_opened(*answer->head, offer);
    CHECK(opened_by.problem == "");
    CHECK(opened_by.subprotocol == "chat");
  }
}
