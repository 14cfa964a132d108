// Needs OpenSSL: the program of the TLS tests.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "support/tls.hpp"
#include "web/origin_server.hpp"

using web::FetchErrc;
using web::HttpClient;
using web::HttpClientOptions;

namespace https_test {
namespace {

HttpClientOptions options(std::vector<std::string> alpn = {"http/1.1"}) {
  HttpClientOptions made;
  made.tls = tls_site().client({.alpn = std::move(alpn)});
  made.addresses["a.example"] = made.addresses["b.example"] = {address("127.0.0.1:1")};
  return made;
}

void speak_tls(OriginServer& server, std::vector<std::string> alpn = {}) {
  server.on_accept = [tls = tls_site().server({.alpn = std::move(alpn)})](reactor::Stream& stream) {
    stream.secure(tls);
  };
}

}  // namespace

TEST_SUITE("https") {
  TEST_CASE("a server is verified by the host of the URL, and its connection is used again") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one"), answer("two") + "<keep>"}, {answer("no")}});
    speak_tls(server, {"http/1.1"});
    HttpClient client(loop, options());
    const std::string url = server.url("/", "https", "a.example");
    CHECK(fetched(loop, client, url) == "200 one");
    CHECK(fetched(loop, client, url) == "200 two");
    CHECK(server.connections.size() == 1);
    const std::string other = fetched(loop, client, server.url("/", "https", "b.example"));
    CHECK(other.find("host name mismatch") != std::string::npos);
    CHECK(server.requests.size() == 2);
  }

  TEST_CASE("an idle connection is closed in order, as is one after its last response") {
    reactor::Loop loop;
    OriginServer server(
        loop, {{answer("one") + "<keep>"}, {answer("two", "Connection: close\r\n") + "<keep>"}});
    speak_tls(server);
    HttpClient client(loop, options());
    const std::string url = server.url("/", "https", "a.example");
    CHECK(fetched(loop, client, url) == "200 one");
    client.close_idle();
    CHECK(fetched(loop, client, url) == "200 two");
    for (const auto& connection : server.connections) {
      run_until(loop, [&] { return connection.ended; });
      CHECK(connection.error.empty());
    }
  }

  TEST_CASE("a protocol that is not HTTP/1.1 is refused, and no request is sent") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("no")}});
    speak_tls(server, {"h2"});
    HttpClient client(loop, options({"h2"}));
    Fetched one(client, {.url = server.url("/", "https", "a.example")});
    run_until(loop, [&] { return one.done(); });
    CHECK(one.code() == FetchErrc::wrong_protocol);
    CHECK(server.requests.empty());
  }

  TEST_CASE("a body that ends with the connection is whole only after close_notify") {
    reactor::Loop loop;
    OriginServer server(loop,
                        {{"HTTP/1.1 200 OK\r\n\r\nwhole"}, {"HTTP/1.1 200 OK\r\n\r\ncut<keep>"}});
    speak_tls(server);
    HttpClient client(loop, options());
    const std::string url = server.url("/", "https", "a.example");
    CHECK(fetched(loop, client, url) == "200 whole");
    Fetched cut(client, {.url = url});
    std::size_t received = 0;
    cut.fetch->on_data([&](auto bytes) { received += bytes.size(); });
    run_until(loop, [&] { return received == 3; });
    ::shutdown(server.connections.back().stream.socket().fd(), SHUT_RDWR);
    run_until(loop, [&] { return cut.done(); });
    CHECK(cut.text().starts_with("error: "));
  }

  TEST_CASE("a redirect from https to http is another origin, and loses credentials") {
    reactor::Loop loop;
    OriginServer plain(loop, {{answer("plain")}});
    OriginServer server(loop, {{to(plain.url("/", "http", "a.example"))}});
    speak_tls(server);
    HttpClient client(loop, options());
    CHECK(fetched(loop, client,
                  {.url = server.url("/", "https", "a.example"),
                   .fields = {{"Authorization", "secret"}}}) == "200 plain");
    CHECK(plain.requests.at(0).find("secret") == std::string::npos);
  }

  TEST_CASE("https goes through a proxy by CONNECT, and only the proxy gets its credentials") {
    reactor::Loop loop;
    OriginServer proxy(
        loop, {{"HTTP/1.1 200 OK\r\n\r\n<keep>", answer("one"), answer("two") + "<keep>"}});
    HttpClientOptions with = options();
    with.proxy = proxy.endpoint();
    with.proxy_authorization = "Basic abc";
    HttpClient client(loop, with);
    Fetched one(client, {.url = "https://a.example/x"});
    run_until(loop, [&] { return proxy.requests.size() == 1; });
    CHECK(proxy.requests[0] ==
          "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n"
          "Proxy-Authorization: Basic abc\r\n\r\n");
    proxy.connections.front().stream.secure(tls_site().server());
    run_until(loop, [&] { return one.done(); });
    CHECK(one.text() == "200 one");
    CHECK(proxy.requests[1].starts_with("GET /x HTTP/1.1\r\nHost: a.example\r\n"));
    CHECK(proxy.requests[1].find("abc") == std::string::npos);
    CHECK(fetched(loop, client, "https://a.example/y") == "200 two");
    CHECK(proxy.connections.size() == 1);
  }

  TEST_CASE("a proxy that refuses, or speaks in clear behind its response, is an error") {
    for (const char* response :
         {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n<keep>", "HTTP/1.1 2",
          "", "SSH-2.0-x\r\n"}) {
      CAPTURE(response);
      reactor::Loop loop;
      OriginServer proxy(loop, {{response}});
      HttpClientOptions with = options();
      with.proxy = proxy.endpoint();
      HttpClient client(loop, with);
      Fetched one(client, {.url = "https://a.example/"});
      run_until(loop, [&] { return one.done(); });
      CHECK(one.text().starts_with("error: connect through " + proxy.endpoint() + ": "));
      CHECK(proxy.requests.size() == 1);
      if (std::string_view(response).find("407") != std::string_view::npos) {
        CHECK(one.code() == FetchErrc::proxy_refused);
        CHECK(one.text().find("407 Proxy Authentication Required") != std::string::npos);
      }
    }
  }

  // hyper #1382: the pool returned a connection on which close_notify and FIN had arrived.
  TEST_CASE("a connection that the server ends while it is idle is replaced, unnoticed") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one") + "<keep>"}, {answer("two")}});
    speak_tls(server);
    HttpClient client(loop, options());
    const std::string url = server.url("/", "https", "a.example");
    CHECK(fetched(loop, client, url) == "200 one");
    server.connections.front().stream.shutdown();
    CHECK(fetched(loop, client, {.url = url, .method = "POST"}) == "200 two");
  }

  // reqwest #2985: credentials survived a redirect to http on the same host and port.
  TEST_CASE("http on the port of https is another origin") {
    reactor::Loop loop;
    OriginServer server(loop);
    const std::string plain = server.url("/plain", "http", "a.example");
    bool first = true;
    server.on_accept = [&, tls = tls_site().server()](reactor::Stream& stream) {
      if (!std::exchange(first, false)) return;
      stream.secure(tls);
      stream.write(to(plain));
    };
    HttpClient client(loop, options());
    Fetched one(client, {.url = server.url("/", "https", "a.example"),
                         .fields = {{"Authorization", "secret"}, {"Cookie", "secret"}}});
    run_until(loop, [&] { return server.requests.size() == 2; });
    CHECK(server.requests[0].find("secret") != std::string::npos);
    CHECK(server.requests[1].starts_with("GET /plain HTTP/1.1\r\n"));
    CHECK(server.requests[1].find("secret") == std::string::npos);
  }
}

}  // namespace https_test
