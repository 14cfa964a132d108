#include "samples/support/network.hpp"

#include <doctest/doctest.h>

#include <string>

#include "support/result.hpp"

using reactor::Address;
using samples::network_of;

TEST_SUITE("network") {
  TEST_CASE("an IPv4 address is a network of its own, whichever socket it arrived at") {
    CHECK(network_of(ok(Address::parse("192.0.2.7:80"))) == "192.0.2.7");
    CHECK(network_of(ok(Address::parse("[::ffff:192.0.2.7]:80"))) == "192.0.2.7");
    CHECK(network_of(ok(Address::parse("192.0.2.8:80"))) != "192.0.2.7");
  }

  TEST_CASE("IPv6 addresses that share their first 64 bits are one network") {
    CHECK(network_of(ok(Address::parse("[2001:db8:1:2:3:4:5:6]:80"))) == "2001:db8:1:2::/64");
    CHECK(network_of(ok(Address::parse("[2001:db8:1:2::1]:81"))) == "2001:db8:1:2::/64");
    CHECK(network_of(ok(Address::parse("[2001:db8:1:3::1]:80"))) == "2001:db8:1:3::/64");
  }

  TEST_CASE("all unix sockets are one network") {
    CHECK(network_of(ok(Address::parse("unix:/tmp/a"))) == "unix");
    CHECK(network_of(ok(Address::parse("unix:/tmp/b"))) == "unix");
  }
}
