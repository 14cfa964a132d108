#include "web/http_client_options.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "web/origin_server.hpp"

using namespace std::chrono_literals;

using web::HttpClient;
using web::HttpClientOptions;

namespace http_client_options_test {

TEST_SUITE("HttpClientOptions") {
  TEST_CASE("values that no client can use are refused, by name") {
    const std::vector<std::pair<HttpClientOptions, std::string>> refused = {
        {{.max_redirects = -1}, "max_redirects is negative"},
        {{.max_connections = 0}, "max_connections is 0"},
        {{.max_connections_per_origin = 0}, "max_connections_per_origin is 0"},
        {{.response_timeout = 0ms}, "response_timeout is not positive"},
        {{.proxy = "h"}, "proxy is no HOST:PORT"},
        {{.proxy = "http://h:1"}, "proxy is no HOST:PORT"},
        {{.proxy = "h:1\r\nX: y"}, "proxy is no HOST:PORT"},
        {{.proxy = "h:1", .proxy_authorization = "x\ny"}, "has a control character"},
        {{.user_agent = "x\r\nY: z"}, "has a control character"},
        {{.to_ascii = nullptr}, "to_ascii is null"},
    };
    for (const auto& each : refused) {
      const HttpClientOptions& options = each.first;
      const std::string& why = each.second;
      CAPTURE(why);
      CHECK(failure(options.check()).find(why) != std::string::npos);
      reactor::Loop loop;
      if (!options.to_ascii) continue;
      HttpClient client(loop, options);
      CHECK(fetched(loop, client, "http://127.0.0.1/").find(why) != std::string::npos);
    }
    CHECK(HttpClientOptions().check());
  }

  TEST_CASE(
      "http goes to the proxy with the whole URL and its credentials, and some hosts do not") {
    reactor::Loop loop;
    OriginServer proxy(loop, {{answer("by proxy"), answer("by proxy") + "<keep>"},
                              {answer("", "", "407 Proxy Authentication Required")}});
    OriginServer direct(loop, {{answer("direct")}});
    HttpClient client(loop, {.proxy = proxy.endpoint(),
                             .proxy_authorization = "Basic abc",
                             .no_proxy = {"127.0.0.1", ".internal"}});
    CHECK(fetched(loop, client, "http://host.example/a?b") == "200 by proxy");
    CHECK(proxy.requests[0].starts_with(
        "GET http://host.example/a?b HTTP/1.1\r\nHost: host.example\r\n"));
    CHECK(proxy.requests[0].find("\r\nProxy-Authorization: Basic abc\r\n") != std::string::npos);
    CHECK(fetched(loop, client, direct.url()) == "200 direct");
    CHECK(direct.requests[0].find("Proxy-Authorization") == std::string::npos);
    CHECK(fetched(loop, client, "http://other.example/") == "407 ");
    CHECK_FALSE(client.connections() == 0);
  }

  TEST_CASE("addresses replace the lookup of a host, and the one that works is used first") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one")}, {answer("two")}});
    HttpClientOptions options;
    options.addresses["host.example"] = {address("127.0.0.9:1"), address("127.0.0.1:1")};
    HttpClient client(loop, options);
    const std::string url = server.url("/", "http", "host.example");
    CHECK(fetched(loop, client, url) == "200 one");
    CHECK(fetched(loop, client, url) == "200 two");
    CHECK(server.requests[0].find("\r\nHost: host.example:") != std::string::npos);
  }
}

}  // namespace http_client_options_test
