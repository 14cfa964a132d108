#include "reactor/readiness.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace reactor;

TEST_SUITE("readiness") {
  TEST_CASE("interests combine, and are tested one by one") {
    constexpr Interest both = Interest::readable | Interest::writable;
    CHECK((both & Interest::readable));
    CHECK((both & Interest::writable));
    CHECK_FALSE((both & Interest::priority));
    CHECK_FALSE((both & Interest::peer_closed));
    CHECK_FALSE((Interest::none & both));
    CHECK((Interest::none | Interest::priority) == Interest::priority);
  }

  TEST_CASE("a Ready is true if any event happened") {
    CHECK_FALSE(Ready{});
    for (bool Ready::*event : {&Ready::readable, &Ready::writable, &Ready::priority, &Ready::failed,
                               &Ready::hung_up, &Ready::peer_closed}) {
      Ready ready;
      ready.*event = true;
      CHECK(ready);
    }
  }
}
