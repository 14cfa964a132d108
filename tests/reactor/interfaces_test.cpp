#include "reactor/interfaces.hpp"

#include <doctest/doctest.h>
#include <net/if.h>

#include <algorithm>

using namespace reactor;

TEST_SUITE("interfaces") {
  TEST_CASE("the interfaces of this host include loopback") {
    auto found = interfaces();
    REQUIRE(found);
    const auto loopback = std::find_if(found->begin(), found->end(), [](const auto& interface) {
      return interface.address == *Address::parse("127.0.0.1:0");
    });
    REQUIRE(loopback != found->end());
    CHECK(loopback->name == "lo");
    CHECK(loopback->index == if_nametoindex("lo"));
    CHECK(loopback->is_up);
    CHECK_FALSE(loopback->can_broadcast);
    for (const auto& interface : *found) {
      CAPTURE(interface.name);
      CHECK(interface.index != 0);
      CHECK(interface.address.port() == 0);
      CHECK(interface.address.family() != Family::unix_socket);
    }
  }
}
