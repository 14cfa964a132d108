#include "web/upgraded.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "web/served.hpp"

using web::Request;
using web::Response;
using web::Upgraded;

namespace {

std::string upgraded_text(Upgraded::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A server whose /chat switches, and keeps the connection.
struct Chat : Served {
  Chat() {
    server->route("GET", "/chat", [this](const Request&, Response response) {
      connection = response.upgrade("chat", {{"X", "y"}});
      if (connection) {
        CHECK_FALSE(response.is_open());
        connection->on_data([this](Upgraded::Bytes bytes) { received += upgraded_text(bytes); });
      } else {
        response.send(426, {{"Upgrade", "chat"}}, {});
      }
    });
  }

  Peer& switched(std::string_view behind = {}) {
    Peer& peer = connect();
    peer.send(get("/chat", "Connection: upgrade\r\nUpgrade: chat\r\n") + std::string(behind));
    until_received(peer, "\r\n\r\n");
    return peer;
  }

  std::string received;
  std::optional<Upgraded> connection;
};

}  // namespace

TEST_SUITE("Upgraded") {
  TEST_CASE("a request that wants no upgrade can still be responded to") {
    Chat chat;
    CHECK(status_of(chat.ask("GET", "/chat")) == 426);
    CHECK_FALSE(chat.connection);
  }

  TEST_CASE("what follows the request belongs to the new protocol") {
    Chat chat;
    Peer& peer = chat.switched("GET /secret HTTP/1.1\r\n\r\n");
    CHECK(peer.received().starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    CHECK(contains(peer.received(), "\r\nUpgrade: chat\r\n"));
    run_until(chat.loop, [&] { return !chat.received.empty(); });
    CHECK(chat.received == "GET /secret HTTP/1.1\r\n\r\n");
    peer.send("more");
    run_until(chat.loop, [&] { return chat.received.ends_with("more"); });
    chat.connection->write("hello");
    chat.until_received(peer, "\r\n\r\nhello");
    CHECK(chat.log.at(0).status == 101);
    REQUIRE(chat.connection->stream());
  }

  TEST_CASE("destroying it closes the connection, and so does the end of the client") {
    Chat chat;
    Peer& one = chat.switched();
    chat.connection.reset();
    run_until(chat.loop, [&] { return one.over(); });
    CHECK(one.ended());
    Peer& two = chat.switched();
    bool closed = false;
    chat.connection->on_close([&](const reactor::Error&) { closed = true; });
    two.finish();
    run_until(chat.loop, [&] { return closed; });
    CHECK(chat.connection->write("x") == reactor::WriteStatus::closed);
    CHECK(chat.connection->stream() == nullptr);
  }

  TEST_CASE("it reports the end, the drain, and more room") {
    Chat chat;
    Peer& peer = chat.switched();
    bool drained = false;
    bool finished = false;
    bool ended = false;
    chat.connection->on_drained([&] { drained = true; });
    chat.connection->on_finish([&] { finished = true; });
    chat.connection->on_end([&] { ended = true; });
    peer.hold();
    const std::string piece(64 * 1024, 'x');
    while (chat.connection->write(piece) != reactor::WriteStatus::above_high_water) continue;
    CHECK_FALSE(drained);
    peer.read_on();
    run_until(chat.loop, [&] { return drained; });
    peer.finish();
    run_until(chat.loop, [&] { return ended; });
    chat.server->drain();
    CHECK(finished);
    chat.connection->close();
    run_until(chat.loop, [&] { return peer.over(); });
  }

  TEST_CASE("a paused one keeps what arrives in the kernel") {
    Chat chat;
    Peer& peer = chat.switched();
    chat.connection->pause();
    peer.send("abc");
    for (int i = 0; i < 10; ++i) chat.loop.poll();
    CHECK(chat.received.empty());
    chat.connection->resume();
    run_until(chat.loop, [&] { return chat.received == "abc"; });
  }

  TEST_CASE("the server may be destroyed in its callback, and before it") {
    Chat chat;
    Peer& peer = chat.switched();
    chat.connection->on_data([&](Upgraded::Bytes) { chat.server.reset(); });
    peer.send("x");
    run_until(chat.loop, [&] { return peer.over(); });
    CHECK(chat.connection->write("x") == reactor::WriteStatus::closed);
  }

  TEST_CASE("CONNECT is accepted by the fallback") {
    Chat chat;
    chat.server->fallback([&](const Request& request, Response response) {
      CHECK(request.target() == "h:1");
      chat.connection = response.upgrade("");
      chat.connection->on_data(
          [&](Upgraded::Bytes bytes) { chat.received += upgraded_text(bytes); });
    });
    Peer& peer = chat.connect();
    peer.send("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\nabc");
    chat.until_received(peer, "HTTP/1.1 200 OK");
    run_until(chat.loop, [&] { return chat.received == "abc"; });
  }
}
