// What the user's code may do in any callback of a WebSocket: each moment is combined with each
// action. AddressSanitizer finds what the checks do not.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/socket_option.hpp"
#include "web/topic.hpp"
#include "web/websockets.hpp"

using web::WebSocket;

namespace {

enum class When {
  server_open,
  server_message,
  server_pong,
  server_drained,
  server_close,
  client_open,
  client_message,
  client_pong,
  client_drained,
  client_close,
};

const std::vector<std::pair<When, std::string>> every_time = {
    {When::server_open, "the server's on_open"},
    {When::server_message, "the server's on_message"},
    {When::server_pong, "the server's on_pong"},
    {When::server_drained, "the server's on_drained"},
    {When::server_close, "the server's on_close"},
    {When::client_open, "the client's on_open"},
    {When::client_message, "the client's on_message"},
    {When::client_pong, "the client's on_pong"},
    {When::client_drained, "the client's on_drained"},
    {When::client_close, "the client's on_close"},
};

struct Broken {};

struct Two {
  reactor::Loop loop;
  std::optional<web::HttpServer> server;
  std::optional<WebSocket> served;  // Moved out of the route by on_open.
  std::optional<WebSocket> client;
  std::optional<web::Topic> topic{std::in_place};

  std::optional<WebSocket>& of(When when) { return when < When::client_open ? served : client; }
};

struct Deed {
  std::string name;
  void (*act)(Two&, std::optional<WebSocket>& own);
};

// With the buffers of the kernel that grow, a client could get megabytes before any wait.
void limit_buffers(reactor::Socket& socket) {
  CHECK(socket.set(reactor::option::send_buffer, 16 * 1024));
  CHECK(socket.set(reactor::option::receive_buffer, 16 * 1024));
}

void fill(WebSocket& socket) {
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 100 && socket.send(piece) != reactor::WriteStatus::above_high_water; ++i) {
    continue;
  }
}

const std::vector<Deed> deeds = {
    {"nothing", [](Two&, auto&) {}},
    {"destroy it", [](Two&, auto& own) { own.reset(); }},
    {"move it",
     [](Two&, auto& own) {
       if (own) own.emplace(WebSocket(std::move(*own)));
     }},
    {"destroy both",
     [](Two& two, auto&) {
       two.client.reset();
       two.served.reset();
     }},
    {"destroy the server", [](Two& two, auto&) { two.server.reset(); }},
    {"destroy everything",
     [](Two& two, auto&) {
       two.server.reset();
       two.client.reset();
       two.served.reset();
       two.topic.reset();
     }},
    {"drain", [](Two& two, auto&) { two.server->drain(std::chrono::milliseconds(5)); }},
    {"close",
     [](Two&, auto& own) {
       if (own) own->close(3000, "reason");
     }},
    {"abort",
     [](Two&, auto& own) {
       if (own) own->abort();
     }},
    {"fill and close",
     [](Two&, auto& own) {
       if (!own) return;
       fill(*own);
       own->close();
     }},
    {"fill and destroy",
     [](Two&, auto& own) {
       if (own) fill(*own);
       own.reset();
     }},
    {"pause, resume and replace the callbacks",
     [](Two&, auto& own) {
       if (!own) return;
       own->pause();
       own->resume();
       own->on_open({});
       own->on_message([text = std::string(100, 'x')](const auto&) {});
       own->on_pong({});
       own->on_drained({});
       own->on_close([](const auto&) {});
     }},
    {"publish and destroy the topic",
     [](Two& two, auto& own) {
       if (own) two.topic->join(*own);
       two.topic->publish(std::string(100'000, 'x'));
       two.topic.reset();
     }},
    {"stop the loop", [](Two& two, auto&) { two.loop.stop(); }},
    {"throw", [](Two&, auto&) { throw Broken(); }},
};

void check(When when, const Deed& deed) {
  Two two;
  two.server.emplace(two.loop);
  bool done = false;
  const auto at = [&](When now) {
    if (now != when || std::exchange(done, true)) return;
    deed.act(two, two.of(when));
  };
  // What the callbacks own must be destroyed.
  const auto owned = std::make_shared<int>();
  web::WebSocketOptions options;
  options.close_timeout = std::chrono::milliseconds(10);
  options.deflate.reset();
  const bool fills = when == When::server_drained || when == When::client_drained;
  web::route_websocket(
      *two.server, "/",
      [&](WebSocket& socket) {
        two.served = std::move(socket);
        WebSocket& mine = *two.served;
        two.topic->join(mine);
        mine.on_message([&, owned](const WebSocket::Message& message) {
          at(When::server_message);
          if (two.served) two.served->send(message.text().substr(0, 1));
        });
        mine.on_pong([&, owned](auto) { at(When::server_pong); });
        mine.on_drained([&, owned] { at(When::server_drained); });
        mine.on_close([&, owned](const auto&) { at(When::server_close); });
        limit_buffers(mine.stream()->socket());
        if (when == When::server_drained) fill(mine);
        mine.ping();
        at(When::server_open);
      },
      options);
  const auto address = ok(two.server->listen("127.0.0.1:0"));
  reactor::Socket socket = connect_to(address);
  limit_buffers(socket);
  two.client.emplace(WebSocket::connect(two.loop, reactor::Stream(two.loop, std::move(socket)), "h",
                                        "/", options));
  two.client->on_open([&, owned] {
    if (when == When::client_drained) fill(*two.client);
    if (two.client) two.client->ping();
    at(When::client_open);
  });
  two.client->on_message([&, owned](const auto&) {
    at(When::client_message);
    if (two.client && !fills && when != When::client_pong) two.client->close();
  });
  two.client->on_pong([&, owned](auto) { at(When::client_pong); });
  two.client->on_drained([&, owned] { at(When::client_drained); });
  two.client->on_close([&, owned](const auto&) { at(When::client_close); });
  two.client->send("hello");
  bool too_late = false;
  const auto guard =
      reactor::Timer::after(two.loop, std::chrono::seconds(20), [&] { too_late = true; });
  for (int left = 40; left > 0 && !too_late; left -= done ? 1 : 0) {
    try {
      done ? two.loop.poll() : two.loop.run_once();
    } catch (const Broken&) {
      continue;
    }
  }
  CHECK(done);
  two.server.reset();
  two.served.reset();
  two.client.reset();
  CHECK(owned.use_count() == 1);
}

}  // namespace

TEST_SUITE("WebSocket lifetime") {
  TEST_CASE("the user may do anything in every callback") {
    for (const auto& each : every_time) {
      for (const Deed& deed : deeds) {
        CAPTURE(each.second);
        CAPTURE(deed.name);
        check(each.first, deed);
      }
    }
  }

  TEST_CASE("callbacks that own their WebSocket are destroyed with its server") {
    const auto owned = std::make_shared<int>();
    {
      Served served;
      bool open = false;
      served.server->route("GET", "/", [&](const web::Request& request, web::Response response) {
        auto socket = WebSocket::accept(request, response);
        REQUIRE(socket);
        const auto self = std::make_shared<WebSocket>(std::move(*socket));
        self->on_message([self, owned](const auto&) {});
        open = true;
      });
      Peer& peer = served.connect();
      peer.send(open_request());
      run_until(served.loop, [&] { return open; });
      CHECK(owned.use_count() == 2);
      served.server.reset();
      CHECK(owned.use_count() == 1);
    }
  }
}
