#include "web/websocket.hpp"

#include <doctest/doctest.h>

#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "web/websockets.hpp"

using reactor::WriteStatus;
using web::WebSocket;
using websocket_test::binary;
using websocket_test::closes;
using websocket_test::closing;
using websocket_test::fin;
using websocket_test::masked;
using websocket_test::ping;
using websocket_test::pong;
using websocket_test::rsv1;
using websocket_test::text;
using websocket_test::unmasked;

TEST_SUITE("WebSocket") {
  TEST_CASE("a request that opens no WebSocket gets the status that says why") {
    WebSockets world;
    CHECK(status_of(world.ask("GET", "/")) == 426);
    CHECK(contains(world.ask("GET", "/"), "Sec-WebSocket-Version: 13\r\n"));
    CHECK(status_of(world.ask("POST", "/")) == 405);
    const std::string upgrade = "Upgrade: websocket\r\nConnection: upgrade, close\r\n";
    const auto status = [&](const std::string& fields) {
      return status_of(world.talk(get("/", upgrade + fields)));
    };
    CHECK(status("") == 400);
    CHECK(status("Sec-WebSocket-Version: 13\r\n") == 400);
    CHECK(status("Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") ==
          426);
    CHECK(status("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n") == 400);
    CHECK(world.sockets.empty());
  }

  TEST_CASE("pages of the same host may connect, and others only if they are listed") {
    web::WebSocketOptions options;
    options.origins = {"https://friend.example"};
    WebSockets world(options);
    const auto status = [&](const std::string& origin) {
      Peer& peer = world.connect();
      peer.send(open_request("Origin: " + origin + "\r\n"));
      world.until_received(peer, "\r\n\r\n");
      return status_of(peer.received());
    };
    CHECK(status("https://evil.example") == 403);
    CHECK(status("null") == 403);
    CHECK(status("http://h.evil.example") == 403);
    CHECK(status("http://h:81") == 403);
    CHECK(status("http://h") == 101);
    CHECK(status("https://FRIEND.example") == 101);
  }

  TEST_CASE("the first subprotocol of the client that the server supports is chosen") {
    web::WebSocketOptions options;
    options.subprotocols = {"b", "c"};
    WebSockets world(options);
    Peer& peer = world.open("Sec-WebSocket-Protocol: a, c, b\r\n");
    CHECK(contains(peer.received(), "\r\nSec-WebSocket-Protocol: c\r\n"));
    CHECK(world.last().subprotocol() == "c");
    CHECK_FALSE(contains(world.open("Sec-WebSocket-Protocol: x\r\n").received(), "Protocol:"));
  }

  TEST_CASE("a peer that breaks the protocol gets the code, and is disconnected") {
    const std::string bad_utf8 = "\xC3";
    const std::vector<std::pair<std::string, unsigned>> wires = {
        {unmasked(fin | text, "x"), 1002},
        {masked(fin | rsv1 | text, "x"), 1002},
        {masked(fin | 0x20 | text, "x"), 1002},
        {masked(fin | 3, ""), 1002},
        {masked(fin | 0, "x"), 1002},
        {masked(text, "a") + masked(fin | text, "b"), 1002},
        {masked(ping, ""), 1002},
        {masked(fin | ping, std::string(126, 'x')), 1002},
        {masked(fin | closes, "x"), 1002},
        {masked(fin | closes, closing(1005)), 1002},
        {masked(fin | closes, closing(1000, bad_utf8)), 1007},
        {masked(fin | text, bad_utf8), 1007},
        {masked(text, bad_utf8) + masked(fin, "x"), 1007},
        {masked(fin | text, std::string(2000, 'x')), 1009},
        {masked(text, std::string(600, 'x')) + masked(fin, std::string(600, 'x')), 1009},
    };
    web::WebSocketOptions options;
    options.max_message_bytes = 1000;
    options.deflate.reset();
    for (const auto& each : wires) {
      const auto& [wire, code] = each;
      CAPTURE(each.first);
      WebSockets world(options);
      Peer& peer = world.open();
      peer.send(wire + masked(fin | text, "not read"));
      world.until_ended(peer);
      CHECK(frames_of(peer) == unmasked(fin | closes, closing(code)));
      CHECK(peer.ended());
      CHECK(world.ends[0].code == code);
      CHECK(world.ends[0].error);
      CHECK_FALSE(contains(world.received, "not read"));
    }
  }

  TEST_CASE("messages are sent back whole, with frames packed behind the request and each other") {
    WebSockets world;
    world.echo = true;
    Peer& peer = world.connect();
    peer.send(open_request() + masked(text, "he") + masked(fin | ping, "p") + masked(fin, "llo") +
              masked(fin | binary, "b") + masked(fin | closes, closing(1000, "bye")) +
              masked(fin | text, "after"));
    world.until_ended(peer);
    CHECK(frames_of(peer) == unmasked(fin | pong, "p") + unmasked(fin | text, "hello") +
                                 unmasked(fin | binary, "b") +
                                 unmasked(fin | closes, closing(1000)));
    CHECK(world.received == "text(hello)binary(b)");
    REQUIRE(world.ends.size() == 1);
    CHECK(world.ends[0].code == 1000);
    CHECK(world.ends[0].reason == "bye");
    CHECK_FALSE(world.ends[0].error);
  }

  TEST_CASE("a message split at every byte arrives once") {
    WebSockets world;
    world.echo = true;
    const std::string wire = masked(text, "h\xC3") + masked(fin | ping, "p") + masked(fin, "\xA4");
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      Peer& peer = world.open();
      peer.send(wire.substr(0, cut));
      for (int i = 0; i < 3; ++i) world.loop.poll();
      peer.send(wire.substr(cut) + masked(fin | closes, ""));
      world.until_ended(peer);
      CHECK(frames_of(peer) == unmasked(fin | pong, "p") + unmasked(fin | text, "h\xC3\xA4") +
                                   unmasked(fin | closes, ""));
    }
  }

  TEST_CASE("in pieces a message is reported as it arrives, and can be sent so") {
    web::WebSocketOptions options;
    options.in_pieces = true;
    WebSockets world(options);
    world.echo = true;
    Peer& peer = world.open();
    peer.send(masked(text, "a"));
    world.until_received(peer, "\r\n\r\n" + unmasked(text, "a"));
    CHECK(world.last().send("no") == WriteStatus::refused);
    CHECK(world.last().ping() != WriteStatus::closed);
    peer.send(masked(0, "b") + masked(fin, "c"));
    const std::string end = unmasked(0, "b") + unmasked(fin, "c");
    world.until_received(peer, end);
    CHECK(frames_of(peer) == unmasked(text, "a") + unmasked(fin | ping, "") + end);
    CHECK(world.last().send("yes") != WriteStatus::refused);
  }

  TEST_CASE("what cannot be sent is refused, and nothing is sent") {
    WebSockets world;
    Peer& peer = world.open();
    WebSocket& socket = world.last();
    CHECK(socket.send("\xFF") == WriteStatus::refused);
    CHECK(socket.ping(protocols::as_bytes(std::string(126, 'x'))) == WriteStatus::refused);
    CHECK(socket.close(1006) == WriteStatus::refused);
    CHECK(socket.close(1000, std::string(124, 'x')) == WriteStatus::refused);
    CHECK(socket.close(1000, "\xFF") == WriteStatus::refused);
    CHECK(socket.is_open());
    CHECK(socket.close(4000, "why") == WriteStatus::queued);
    CHECK(socket.send("late") == WriteStatus::closed);
    CHECK(socket.ping() == WriteStatus::closed);
    world.until_received(peer, "why");
    peer.send(masked(fin | text, "discarded") + masked(fin | closes, closing(4000)));
    world.until_ended(peer);
    CHECK(frames_of(peer) == unmasked(fin | closes, closing(4000, "why")));
    CHECK(world.received.empty());
    CHECK_FALSE(world.ends[0].error);
  }

  TEST_CASE("a peer that leaves without a close frame, or never sends one, ends abnormally") {
    web::WebSocketOptions options;
    options.close_timeout = std::chrono::milliseconds(20);
    WebSockets world(options);
    Peer& leaves = world.open();
    leaves.finish();
    run_until(world.loop, [&] { return world.ends.size() == 1; });
    Peer& stays = world.open();
    world.last().close();
    run_until(world.loop, [&] { return world.ends.size() == 2 && stays.over(); });
    Peer& resets = world.open();
    resets.reset();
    run_until(world.loop, [&] { return world.ends.size() == 3; });
    for (const auto& end : world.ends) CHECK(end.code == web::close_code::abnormal);
    CHECK(world.ends[1].error.code == std::errc::timed_out);
    CHECK(world.ends[2].error);
  }

  TEST_CASE("a silent peer is pinged, and disconnected when it does not respond") {
    web::WebSocketOptions options;
    options.idle_timeout = std::chrono::milliseconds(40);
    WebSockets world(options);
    Peer& peer = world.open();
    world.until_received(peer, "\r\n\r\n" + unmasked(fin | ping, ""));
    peer.send(masked(fin | pong, ""));
    run_until(world.loop, [&] {
      return frames_of(peer) == unmasked(fin | ping, "") + unmasked(fin | ping, "");
    });
    CHECK(world.ends.empty());
    run_until(world.loop, [&] { return world.ends.size() == 1 && peer.over(); });
    CHECK(world.ends[0].error.code == std::errc::timed_out);
  }

  TEST_CASE("pongs for a peer that does not read take no memory") {
    WebSockets world;
    Peer& peer = world.open();
    peer.hold();
    const std::string filler(64 * 1024, 'x');
    while (world.last().send(filler) != WriteStatus::above_high_water) continue;
    const std::size_t waiting = world.last().queued_bytes();
    const std::string pings = [] {
      std::string all;
      for (int i = 0; i < 1000; ++i) all += masked(fin | ping, std::to_string(i));
      return all;
    }();
    std::size_t sent = 0;
    for (int i = 0; i < 300; ++i) {
      sent += peer.send_some(pings);
      world.loop.poll();
    }
    CHECK(sent > pings.size());
    CHECK(world.last().queued_bytes() == waiting);
    CHECK(world.last().stream()->queued_bytes() < 512 * 1024);
  }

  TEST_CASE("messages above the limit of the queue are refused until the peer reads") {
    web::WebSocketOptions options;
    options.max_queued_bytes = 100'000;
    WebSockets world(options);
    Peer& peer = world.open();
    peer.hold();
    bool drained = false;
    world.last().on_drained([&] { drained = true; });
    const std::string message(50'000, 'x');
    std::size_t taken = 0;
    for (;; ++taken) {
      const WriteStatus status = world.last().send(message);
      if (status == WriteStatus::refused) break;
      REQUIRE(status != WriteStatus::closed);
    }
    CHECK(world.last().queued_bytes() >= options.max_queued_bytes);
    CHECK(world.last().queued_bytes() <= options.max_queued_bytes + message.size() + 1000);
    CHECK_FALSE(drained);
    peer.read_on();
    run_until(world.loop, [&] { return drained; });
    CHECK(world.last().send("end") != WriteStatus::refused);
    world.until_received(peer, "end");
    CHECK(frames_of(peer).size() == taken * (message.size() + 4) + 5);
  }

  TEST_CASE(
      "a message of any size is sent to a peer that reads, through a server of small limits") {
    web::WebSocketOptions options;
    options.max_message_bytes = 4 << 20;
    WebSockets large(options);
    large.echo = true;
    Peer& peer = large.open();
    const std::string message((5 << 18) + 17, 'm');
    const std::string wire = masked(fin | binary, message);
    for (std::size_t sent = 0; sent < wire.size();) {
      sent += peer.send_some(std::string_view(wire).substr(sent));
      large.loop.poll();
    }
    const std::string expected = unmasked(fin | binary, message);
    run_until(large.loop, [&] { return frames_of(peer).size() == expected.size(); });
    CHECK(frames_of(peer) == expected);
  }

  TEST_CASE("while paused nothing is reported, not even of what has arrived") {
    WebSockets world;
    Peer& peer = world.open();
    world.last().on_message([&](const WebSocket::Message& message) {
      world.received += message.text();
      world.last().pause();
    });
    peer.send(masked(fin | text, "a") + masked(fin | text, "b") + masked(fin | text, "c"));
    for (const char* const expected : {"a", "ab", "abc"}) {
      run_until(world.loop, [&] { return world.received == expected; });
      for (int i = 0; i < 5; ++i) world.loop.poll();
      CHECK(world.received == expected);
      world.last().resume();
    }
  }

  TEST_CASE("a WebSocket stays when others want its place in a full server") {
    web::HttpServerOptions http;
    http.server.max_connections = 2;
    WebSockets world({}, http);
    Peer& peer = world.open();
    for (int i = 0; i < 5; ++i) {
      world.connect();
      world.loop.poll();
    }
    for (int i = 0; i < 20; ++i) world.loop.poll();
    world.last().send("still here");
    world.until_received(peer, "still here");
    CHECK_FALSE(peer.over());
  }

  TEST_CASE("a drain closes with 1001, and the client ends it") {
    WebSockets world;
    Peer& peer = world.open();
    world.server->drain();
    world.until_received(peer, unmasked(fin | closes, closing(1001)));
    peer.send(masked(fin | closes, closing(1001)));
    world.until_ended(peer);
    CHECK(world.ends[0].code == 1001);
  }

  TEST_CASE("on_open may move the WebSocket to another owner, which outlives the server") {
    Served served;
    std::optional<WebSocket> mine;
    web::route_websocket(*served.server, "/", [&](WebSocket& socket, const web::Request& request) {
      CHECK(request.path() == "/");
      mine = std::move(socket);
      mine->send("hello");
    });
    Peer& peer = served.connect();
    peer.send(open_request());
    served.until_received(peer, "hello");
    served.server.reset();
    run_until(served.loop, [&] { return peer.over(); });
    CHECK_FALSE(mine->is_open());
    CHECK(mine->send("x") == WriteStatus::closed);
    mine->close();
    mine->abort();
    CHECK(mine->stream() == nullptr);
  }
}

TEST_SUITE("WebSocket client") {
  TEST_CASE("it connects to a server, and both sides see an orderly end") {
    web::WebSocketOptions options;
    options.subprotocols = {"chat"};
    WebSockets world(options);
    world.echo = true;
    auto client = WebSocket::connect(world.loop, world.url(), options);
    std::string received;
    std::optional<web::WebSocketEnd> end;
    bool open = false;
    client.on_open([&] { open = true; });
    client.on_message([&](const WebSocket::Message& message) {
      received += describe(message);
      if (received.ends_with("text(last)")) client.close(3000, "done");
    });
    client.on_close([&](const web::WebSocketEnd& how) { end = how; });
    const std::string large(10'000, 'l');
    CHECK(client.send("first") == WriteStatus::queued);
    CHECK(client.send(large) == WriteStatus::queued);
    CHECK(client.send(protocols::as_bytes("bin")) == WriteStatus::queued);
    CHECK(client.send("last") == WriteStatus::queued);
    run_until(world.loop, [&] { return end && !world.ends.empty(); });
    CHECK(open);
    CHECK(client.subprotocol() == "chat");
    CHECK(received == "text(first)text(" + large + ")binary(bin)text(last)");
    CHECK(end->code == 3000);
    CHECK_FALSE(end->error);
    CHECK(world.ends[0].code == 3000);
    CHECK(world.ends[0].reason == "done");
    CHECK(client.send("x") == WriteStatus::closed);
  }

  TEST_CASE("a URL that is none, and wss without TLS, are invalid arguments") {
    reactor::Loop loop;
    for (const char* const url : {"", "http://h/", "ws://", "ws://[::1/", "wss://localhost/", "/x",
                                  "ws://h:1:2/", "ws://u@h/"}) {
      CAPTURE(url);
      auto client = WebSocket::connect(loop, url);
      std::optional<web::WebSocketEnd> end;
      client.on_close([&](const web::WebSocketEnd& how) { end = how; });
      run_until(loop, [&] { return end.has_value(); });
      CHECK(end->error.code == std::errc::invalid_argument);
      CHECK(end->code == web::close_code::abnormal);
    }
    web::WebSocketOptions options;
    options.fields = {{"X", "a\r\nInjected: 1"}};
    auto client = WebSocket::connect(loop, "ws://127.0.0.1:9/", options);
    std::optional<web::WebSocketEnd> end;
    client.on_close([&](const web::WebSocketEnd& how) { end = how; });
    run_until(loop, [&] { return end.has_value(); });
    CHECK(end->error.code == std::errc::invalid_argument);
  }

  TEST_CASE("a response that does not open it is an error that says why") {
    const std::string start = "HTTP/1.1 101 Switching Protocols\r\n";
    const std::string upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    const std::string accept = "Sec-WebSocket-Accept: ACCEPT\r\n";
    const std::vector<std::pair<std::string, std::errc>> responses = {
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", std::errc::connection_refused},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", std::errc::connection_refused},
        {"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", std::errc::connection_refused},
        {start + upgrade + "\r\n", std::errc::protocol_error},
        {start + upgrade + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         std::errc::protocol_error},
        {start + upgrade + accept + "Sec-WebSocket-Protocol: x\r\n\r\n", std::errc::protocol_error},
        {start + upgrade + accept + "Sec-WebSocket-Extensions: x-other\r\n\r\n",
         std::errc::protocol_error},
        {start + upgrade + accept +
             "Sec-WebSocket-Extensions: permessage-deflate; "
             "server_max_window_bits=16\r\n\r\n",
         std::errc::protocol_error},
        {start + "Upgrade: other\r\nConnection: Upgrade\r\n" + accept + "\r\n",
         std::errc::protocol_error},
        {"", std::errc::connection_aborted},
    };
    for (const auto& each : responses) {
      CAPTURE(each.first);
      const auto opened = opened_by(each.first);
      CHECK(opened.first.code == each.second);
      CHECK(opened.second.empty());
    }
    CHECK(opened_by("SSH-2.0-x\r\n\r\n").first);
  }

  TEST_CASE("frames packed behind the response, and informational ones before it, are read") {
    const std::string response =
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 S\r\nUpgrade: WebSocket\r\nConnection: "
        "keep-alive, upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n" +
        unmasked(fin | text, "early") + unmasked(fin | closes, closing(1000));
    const auto [problem, received] = opened_by(response);
    CHECK_FALSE(problem);
    CHECK(received == "text(early)");
  }

  TEST_CASE("each frame of a client has a mask of its own, and a masked one of a server fails") {
    Scripted server;
    server.accept();
    server.client->send("aaaa");
    server.client->send("aaaa");
    run_until(server.loop, [&] { return frames_of(server.peer()).size() == 20; });
    const std::string frames = frames_of(server.peer());
    CHECK(frames.substr(0, 2) == "\x81\x84");
    CHECK(frames.substr(2, 4) != frames.substr(12, 4));
    CHECK(frames.substr(6, 4) != frames.substr(16, 4));
    server.peer().send(masked(fin | text, "x"));
    server.peer().finish();
    run_until(server.loop, [&] { return server.end.has_value(); });
    CHECK(server.end->code == 1002);
  }

  TEST_CASE("it waits for the server to close, but not for ever") {
    web::WebSocketOptions options;
    options.close_timeout = std::chrono::milliseconds(20);
    Scripted server(options);
    server.accept();
    server.client->close();
    run_until(server.loop, [&] { return !frames_of(server.peer()).empty(); });
    server.peer().send(unmasked(fin | closes, closing(1000)));
    run_until(server.loop, [&] { return server.end.has_value(); });
    CHECK(server.end->code == 1000);
    CHECK_FALSE(server.end->error);
  }

  TEST_CASE("opening has a time limit") {
    web::WebSocketOptions options;
    options.open_timeout = std::chrono::milliseconds(20);
    Scripted server(options);
    run_until(server.loop, [&] { return server.end.has_value(); });
    CHECK(server.end->error.code == std::errc::timed_out);
  }
}
