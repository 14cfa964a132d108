#include "reactor/coroutine/lookup.hpp"

#include <doctest/doctest.h>

#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Task;

TEST_SUITE("lookup by coroutine") {
  TEST_CASE("a lookup returns the error of a malformed endpoint, or the addresses") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      CHECK_FALSE(co_await reactor::lookup(on, "no endpoint"));
      const auto found = co_await reactor::lookup(on, "127.0.0.1:80");
      REQUIRE(found);
      CHECK(found->front().to_string() == "127.0.0.1:80");
    }(loop));
  }

  TEST_CASE("a lookup that is cancelled leaves nothing behind") {
    Loop loop;
    {
      reactor::Nursery nursery(loop);
      nursery.start([](Loop& on) -> Task<> {
        (void)co_await reactor::lookup_name(on, address("127.0.0.1:80"));
      }(loop));
      nursery.start(
          [](Loop& on) -> Task<> { (void)co_await reactor::lookup(on, "localhost:1"); }(loop));
    }
    loop.run();
  }
}
