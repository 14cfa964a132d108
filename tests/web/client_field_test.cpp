// What went wrong in other HTTP clients, by their public reports, tried on this one.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/peer.hpp"
#include "web/origin_server.hpp"

using web::FetchErrc;
using web::HttpClient;

TEST_SUITE("HttpClient, reports about others") {
  // curl #11678: the rest of a body was taken for the next request.
  TEST_CASE("a connection whose request was cut short by a response is not used again") {
    reactor::Loop loop;
    OriginServer server(loop, {{}, {answer("second")}});
    bool first = true;
    server.on_accept = [&](reactor::Stream& stream) {
      if (!std::exchange(first, false)) return;
      stream.write(answer("", "", "417 Expectation Failed"));
      stream.pause();
    };
    HttpClient client(loop);
    const std::string large = Pattern::text(12 << 20);
    CHECK(fetched(loop, client, {.url = server.url(), .method = "PUT", .body = large}) == "417 ");
    CHECK(client.connections() == 0);
    CHECK(fetched(loop, client, server.url()) == "200 second");
  }

  // curl #5884: a connection that the server half closed amid an upload was kept.
  TEST_CASE("a connection that the server closes amid an upload is not used again") {
    reactor::Loop loop;
    OriginServer server(loop, {{}, {answer("second")}});
    bool first = true;
    server.on_accept = [&](reactor::Stream& stream) {
      if (std::exchange(first, false)) stream.shutdown();
    };
    HttpClient client(loop);
    Fetched upload(client,
                   {.url = server.url(), .method = "PUT", .streams_body = true, .body_size = 9});
    upload.fetch->write("123");
    run_until(loop, [&] { return upload.done(); });
    CHECK(upload.code() == FetchErrc::closed);
    CHECK(client.connections() == 0);
    CHECK(fetched(loop, client, server.url()) == "200 second");
  }

  // curl #2801: success was reported where a body could not be sent again.
  TEST_CASE(
      "an upload over a connection that was closed meanwhile is an error, not an empty success") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one"), ""}});
    HttpClient client(loop);
    CHECK(fetched(loop, client, server.url()) == "200 one");
    Fetched upload(client, {.url = server.url(), .method = "PUT", .streams_body = true});
    upload.fetch->write("part");
    upload.fetch->end();
    run_until(loop, [&] { return upload.done(); });
    CHECK(upload.text().starts_with("error: "));
  }

  // aiohttp #3507: 204 with keep-alive, after which the server closes, failed the next request.
  TEST_CASE("a server that promises to keep the connection and closes it fails no request") {
    reactor::Loop loop;
    const std::string promise = "HTTP/1.1 204 No Content\r\nConnection: Keep-Alive\r\n\r\n";
    OriginServer server(loop, std::vector(50, OriginServer::Script{promise}));
    HttpClient client(loop);
    for (int i = 0; i < 50; ++i) CHECK(fetched(loop, client, server.url()) == "204 ");
  }

  // reactor-netty #1027, okhttp #2080: redirects, and too many of them, leaked their connections.
  TEST_CASE("redirects leave no connection behind that is in use, however they end") {
    reactor::Loop loop;
    OriginServer other(loop, {std::vector<std::string>(40, answer("there"))});
    std::vector<std::string> script;
    for (int i = 0; i < 9; ++i) {
      script.push_back(to(other.url()));
      script.push_back(to("ftp://h/"));
      script.push_back(to("/"));
      script.push_back(to("/"));
    }
    OriginServer server(loop, {script});
    HttpClient client(loop, {.max_redirects = 1, .max_connections_per_origin = 1});
    for (int i = 0; i < 9; ++i) {
      CHECK(fetched(loop, client, server.url()) == "200 there");
      CHECK(fetched(loop, client, server.url()).find("no http URL") != std::string::npos);
      CHECK(fetched(loop, client, server.url()).find("too many") != std::string::npos);
    }
    CHECK(server.connections.size() == 1);
    CHECK(other.connections.size() == 1);
  }

  // reqwest #1162: a connection to a host that was used once stayed for ever.
  TEST_CASE("an idle connection ends without another request to its host") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("once") + "<keep>"}});
    HttpClient client(loop, {.idle_timeout = std::chrono::milliseconds(5)});
    CHECK(fetched(loop, client, server.url()) == "200 once");
    run_until(loop, [&] { return client.connections() == 0; });
  }
}
