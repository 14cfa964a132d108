#include "samples/support/endpoint.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "samples/support/failed.hpp"
#include "support/peer.hpp"

using reactor::Address;
using samples::endpoint_of;
using samples::ReachedAs;

TEST_SUITE("endpoint") {
  static std::string endpoint(const std::string& text) {
    return endpoint_of(Address::parse(text).value());
  }

  TEST_CASE("one address has exactly one text") {
    CHECK(endpoint("192.0.2.1:9000") == "192.0.2.1:9000");
    CHECK(endpoint("[::ffff:192.0.2.1]:9000") == "192.0.2.1:9000");
    CHECK(endpoint("[2001:DB8:0:0::1]:9000") == "[2001:db8::1]:9000");
    CHECK(endpoint("[fe80::1%lo]:9000") == "[fe80::1]:9000");
    CHECK(endpoint("unix:@echo") == "unix:@echo");
  }

  TEST_CASE("the path of a unix socket is absolute, and only parts without effect are removed") {
    const std::string here = std::filesystem::current_path().string();
    CHECK(endpoint("unix:/run/echo") == "unix:/run/echo");
    CHECK(endpoint("unix:/run/./echo") == "unix:/run/echo");
    CHECK(endpoint("unix:/run//echo") == "unix:/run/echo");
    CHECK(endpoint("unix:/run/link/../echo") == "unix:/run/link/../echo");
    CHECK(endpoint("unix:echo") == "unix:" + here + "/echo");
    CHECK(endpoint("unix:./a/echo") == "unix:" + here + "/a/echo");
  }

  TEST_CASE("the endpoints of a server are its own address and those that it was given") {
    reactor::Loop loop;
    auto sockets = connected_sockets(Transport::tcp4);
    const std::string local = sockets[0].local_address().value().to_string();
    reactor::Stream stream(loop, std::move(sockets[0]));
    CHECK(ReachedAs().endpoints_of(stream) == std::vector<std::string>{local});
    const ReachedAs others({"[::ffff:192.0.2.1]:1", "unix:/run/echo"});
    CHECK(others.endpoints_of(stream) ==
          std::vector<std::string>{local, "192.0.2.1:1", "unix:/run/echo"});
  }

  TEST_CASE("an endpoint that no client can connect to is refused") {
    for (const char* const text :
         {"192.0.2.1", "192.0.2.1:0", "0.0.0.0:1", "[::]:1", "224.0.0.1:1", "unix:", ""}) {
      CAPTURE(text);
      CHECK_THROWS_AS(ReachedAs({text}), samples::Failed);
    }
  }
}
