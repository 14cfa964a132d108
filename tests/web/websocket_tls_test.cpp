#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "support/tls.hpp"
#include "web/websockets.hpp"

using web::WebSocket;

TEST_SUITE("WebSocket over TLS") {
  TEST_CASE("a client verifies its server, and messages of any size come back") {
    const TlsSite site({.names = {"IP:127.0.0.1"}});
    web::HttpServerOptions http;
    http.server.tls = site.server();
    WebSockets world({}, http);
    world.echo = true;
    const std::string url = "wss://" + world.address.to_string() + "/";
    const auto end_of = [&](const reactor::TlsContext& context, const std::string& message) {
      web::WebSocketOptions options;
      options.tls = context;
      auto client = WebSocket::connect(world.loop, url, options);
      std::optional<web::WebSocketEnd> end;
      std::string received;
      client.on_message([&](const WebSocket::Message& got) {
        received = got.text();
        client.close();
      });
      client.on_close([&](const web::WebSocketEnd& how) { end = how; });
      client.send(message);
      run_until(world.loop, [&] { return end.has_value(); });
      if (!end->error) CHECK(received == message);
      return *end;
    };
    CHECK(end_of(tls_site().client(), "x").error);
    CHECK(end_of(site.client(), "hello").code == web::close_code::normal);
    CHECK(end_of(site.client(), std::string(500'000, 'l')).code == web::close_code::normal);
  }
}
