#include "reactor/coroutine/within.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "support/coroutine.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Failure;
using reactor::Loop;
using reactor::Result;
using reactor::Task;
using reactor::within;

namespace {

Task<int> seven_after(Loop& loop, reactor::Duration delay, Witness) {
  co_await reactor::sleep(loop, delay);
  co_return 7;
}

Task<Result<int>> fail() {
  co_return Failure(Error{std::make_error_code(std::errc::io_error), "x"});
}

Task<> raise() {
  throw std::runtime_error("raised");
  co_return;
}

}  // namespace

TEST_SUITE("within") {
  TEST_CASE("what takes longer is destroyed, and the error is timed_out") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      bool destroyed = false;
      const Result<int> late = co_await within(1ms, seven_after(on, 1h, Witness(destroyed)));
      CHECK_FALSE(late);
      CHECK(late.error().code == std::errc::timed_out);
      CHECK(destroyed);
    }(loop));
  }

  TEST_CASE("a value comes as a Result, a Result as it is, and nothing as Result<void>") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      bool destroyed = false;
      const Result<int> seven = co_await within(1h, seven_after(on, 1ms, Witness(destroyed)));
      CHECK(seven == 7);
      const Result<int> failed = co_await within(1h, fail());
      CHECK(failed.error().code == std::errc::io_error);
      const Result<void> slept = co_await within(1h, reactor::sleep(on, 0ms));
      CHECK(slept);
    }(loop));
    loop.run();  // No timer is left.
  }

  TEST_CASE("what is ready at once is in time, also when there is no time") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      reactor::Nursery empty(on);
      CHECK(co_await within(0ms, empty.all_ended()));
      const Result<int> failed = co_await within(-1s, fail());
      CHECK(failed.error().code == std::errc::io_error);
    }(loop));
  }

  TEST_CASE("limits may be inside each other: the shortest one ends the wait") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      const Result<void> inner = co_await within(1h, within(1ms, reactor::sleep(on, 1h)));
      CHECK(inner.error().code == std::errc::timed_out);
      const Result<void> outer = co_await within(1ms, within(1h, reactor::sleep(on, 1h)));
      CHECK(outer.error().code == std::errc::timed_out);
    }(loop));
  }

  TEST_CASE("an exception passes through") {
    Loop loop;
    run_task(loop, []() -> Task<> {
      CHECK_THROWS_AS(co_await within(1h, raise()), std::runtime_error);
    }());
  }
}
