#include "reactor/coroutine/work.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "support/coroutine.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Task;

TEST_SUITE("work by coroutine") {
  TEST_CASE("what the function throws comes out of the co_await") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      CHECK_THROWS_AS(co_await reactor::work(on, []() -> int { throw std::runtime_error("bad"); }),
                      std::runtime_error);
    }(loop));
  }

  TEST_CASE("the function runs in another thread, and its value is only moved") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      const auto here = std::this_thread::get_id();
      const auto there = co_await reactor::work(
          on, [] { return std::make_unique<std::thread::id>(std::this_thread::get_id()); });
      CHECK(*there != here);
      CHECK(std::this_thread::get_id() == here);
      co_await reactor::work(on, [] {});
    }(loop));
  }

  TEST_CASE("a task that is destroyed while its function runs does not wait for it") {
    Loop loop;
    {
      reactor::Nursery nursery(loop);
      nursery.start([](Loop& on) -> Task<> {
        auto working = reactor::work(on, [number = std::make_unique<int>(3)] { *number = 4; });
        co_await std::move(working);
      }(loop));
    }
    loop.run();
  }
}
