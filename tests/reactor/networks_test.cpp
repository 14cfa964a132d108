#include "reactor/networks.hpp"

#include <doctest/doctest.h>

#include <ostream>
#include <string>

using reactor::Address;
using reactor::Networks;

TEST_SUITE("networks") {
  static Networks networks(std::initializer_list<std::string_view> texts) {
    Networks all;
    for (std::string_view text : texts) REQUIRE(all.add(text));
    return all;
  }

  static Address address(std::string_view text) {
    const auto parsed = Address::parse(text);
    REQUIRE(parsed);
    return *parsed;
  }

  TEST_CASE("a text that is no network is refused with a reason") {
    for (const char* text : {"", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
                             "10.0.0.0/8/8", "10.0.0.1/8", "::/129", "2001:db8::1/32", "localhost",
                             "127.0.0.1:80", "[::1]", "fe80::1%1", "unix:/run/x", "/8", "Unix"}) {
      CAPTURE(text);
      Networks all;
      const auto added = all.add(text);
      REQUIRE_FALSE(added);
      CHECK(added.error().code == std::errc::invalid_argument);
      CHECK(added.error().subject == text);
      CHECK_FALSE(added.error().hint.empty());
    }
    CHECK_FALSE(Networks().contain(address("127.0.0.1:1")));
  }

  TEST_CASE("a network has the addresses that begin with its bits, whatever their port") {
    const Networks all =
        networks({"10.0.0.0/8", "192.0.2.128/25", "198.51.100.7", "2001:db8::/33"});
    for (const char* inside : {"10.0.0.0:1", "10.255.255.255:65535", "192.0.2.128:1",
                               "192.0.2.255:1", "198.51.100.7:1", "[2001:db8:7fff::1]:1"}) {
      CHECK(all.contain(address(inside)));
    }
    for (const char* outside : {"9.255.255.255:1", "11.0.0.0:1", "192.0.2.127:1", "198.51.100.8:1",
                                "[2001:db8:8000::1]:1", "[a00::]:1", "unix:/run/x"}) {
      CHECK_FALSE(all.contain(address(outside)));
    }
    CHECK(networks({"0.0.0.0/0"}).contain(address("203.0.113.9:1")));
    CHECK_FALSE(networks({"0.0.0.0/0"}).contain(address("[::1]:1")));
    CHECK(networks({"::/0"}).contain(address("[::1]:1")));
  }

  TEST_CASE("an IPv4 address that a dual-stack socket reports is in the networks of IPv4") {
    const Networks all = networks({"10.0.0.0/8"});
    CHECK(all.contain(address("[::ffff:10.1.2.3]:1")));
    CHECK_FALSE(all.contain(address("[::ffff:11.1.2.3]:1")));
    CHECK_FALSE(networks({"::/0"}).contain(address("10.1.2.3:1")));
  }

  TEST_CASE("every unix socket is in the network of unix sockets") {
    const Networks all = networks({"unix"});
    CHECK(all.contain(address("unix:/run/x")));
    CHECK(all.contain(address("unix:@x")));
    CHECK_FALSE(all.contain(address("127.0.0.1:1")));
  }
}
