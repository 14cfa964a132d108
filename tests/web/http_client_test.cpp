#include "web/http_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "web/origin_server.hpp"

using namespace std::chrono_literals;

using protocols::DecodeError;
using web::FetchErrc;
using web::FetchRequest;
using web::HttpClient;
using web::HttpClientOptions;

TEST_SUITE("HttpClient") {
  TEST_CASE("a request that could end its line, or is for no http URL, is refused with a reason") {
    reactor::Loop loop;
    HttpClient client(loop);
    const std::vector<std::pair<FetchRequest, std::string>> refused = {
        {{.url = ""}, "it does not begin with http://"},
        {{.url = "example.org"}, "it does not begin with http://"},
        {{.url = "ftp://h/"}, "it begins with ftp:"},
        {{.url = "http://h/\r\nX: y"}, "it has a control character"},
        {{.url = std::string("http://h/\0", 10)}, "it has a control character"},
        {{.url = "http://h\x7f/"}, "it has a control character"},
        {{.url = "http://user:secret@h/"}, "it has a user in it"},
        {{.url = "http://h:65536/"}, "its port is no number up to 65535"},
        {{.url = "http://h:8o/"}, "its port is no number up to 65535"},
        {{.url = "http://[::1/"}, "its host is no name and no address"},
        {{.url = "http://[fe80::1%25eth0]/"}, "its host is no name and no address"},
        {{.url = "http://h%0d%0a/"}, "its host is no name and no address"},
        {{.url = "http://b\xc3\xbc"
                 "cher.example/"},
         "its host is not ASCII"},
        {{.url = "https://h/"}, "https needs HttpClientOptions::tls"},
        {{.url = "http://h/", .method = ""}, "the method is no token"},
        {{.url = "http://h/", .method = "GET / HTTP/1.1\r\nX:"}, "the method is no token"},
        {{.url = "http://h/", .method = "CONNECT"}, "CONNECT is for proxies"},
        {{.url = "http://h/", .fields = {{"X", "y\r\nZ: w"}}}, "the field X has a control"},
        {{.url = "http://h/", .fields = {{"X", std::string("\0", 1)}}},
         "the field X has a control"},
        {{.url = "http://h/", .fields = {{"X: y", ""}}}, "the name of a field is no token"},
        {{.url = "http://h/", .fields = {{"", "y"}}}, "the name of a field is no token"},
        {{.url = "http://h/", .fields = {{"host", "other"}}}, "the client itself sends"},
        {{.url = "http://h/", .fields = {{"Content-Length", "5"}}}, "the client itself sends"},
        {{.url = "http://h/", .fields = {{"TRANSFER-ENCODING", "chunked"}}}, "the client itself"},
        {{.url = "http://h/", .fields = {{"Upgrade", "websocket"}}}, "the client itself sends"},
        {{.url = "http://h/", .body = "x", .streams_body = true}, "streamed and given"},
    };
    for (const auto& [request, why] : refused) {
      CAPTURE(request.url);
      CAPTURE(why);
      const std::string text = fetched(loop, client, request);
      CHECK(text.starts_with("error: request "));
      CHECK(text.find(why) != text.npos);
      CHECK(text.find_first_of("\r\n") == text.npos);
      CHECK(text.find("secret") == text.npos);
    }
    CHECK(client.connections() == 0);
  }

  TEST_CASE("requests to one origin share a connection, which does not keep the loop running") {
    reactor::Loop loop;
    std::optional<OriginServer> server(
        std::in_place, loop,
        std::vector<OriginServer::Script>{
            {answer("one"), answer("two"), answer("three") + "<keep>"}});
    HttpClient client(loop);
    CHECK(fetched(loop, client, server->url("/a?b#c")) == "200 one");
    CHECK(client.idle_connections() == 1);
    CHECK(fetched(loop, client, server->url("/d")) == "200 two");
    CHECK(fetched(loop, client, {.url = server->url(), .method = "POST", .body = "x"}) ==
          "200 three");
    CHECK(server->connections.size() == 1);
    CHECK(server->requests[0].starts_with("GET /a?b HTTP/1.1\r\nHost: " + server->endpoint() +
                                          "\r\n"));
    CHECK(server->requests[2].ends_with("Content-Length: 1\r\n\r\nx"));
    CHECK(client.idle_connections() == 1);
    server.reset();
    loop.run();  // Ends, though a connection is idle.
  }
}
