#include "web/http_server_options.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>

#include "support/result.hpp"

using namespace std::chrono_literals;
using web::HttpServerOptions;

TEST_SUITE("HttpServerOptions") {
  TEST_CASE("values that no server can use are named") {
    const auto refused = [](auto change) {
      HttpServerOptions options;
      change(options);
      return failure(options.check("h:1"));
    };
    CHECK(refused([](auto& o) { o.head_timeout = 0s; }) ==
          "listen h:1: invalid argument (head_timeout is not positive)");
    CHECK(refused([](auto& o) { o.stall_timeout = -1s; }) ==
          "listen h:1: invalid argument (stall_timeout is not positive)");
    CHECK(refused([](auto& o) { o.server_name = "a\r\nb"; }) ==
          "listen h:1: invalid argument (server_name has a character that no field can have)");
    CHECK(refused([](auto& o) { o.server.max_connections = 0; }) != "it worked");
    CHECK(refused([](auto&) {}) == "it worked");
  }

  TEST_CASE("the most memory contains all bodies and what each connection holds") {
    HttpServerOptions small;
    small.server.max_connections = 10;
    small.max_total_body_bytes = 1 << 20;
    HttpServerOptions larger = small;
    larger.max_total_body_bytes += 1000;
    CHECK(larger.most_bytes() == small.most_bytes() + 1000);
    CHECK(small.most_bytes(1) > small.most_bytes());
  }
}
