#include "reactor/coroutine/sleep.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/coroutine.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Task;

namespace {

using Clock = std::chrono::steady_clock;

Task<> sleep_and_log(Loop& loop, reactor::Duration duration, std::string name,
                     std::vector<std::string>& log) {
  co_await reactor::sleep(loop, duration);
  log.push_back(name);
}

}  // namespace

TEST_SUITE("sleep") {
  TEST_CASE("a sleep of less than no time lets the loop run once") {
    Loop loop;
    std::vector<std::string> log;
    reactor::Nursery nursery(loop);
    nursery.start(sleep_and_log(loop, -1s, "slept", log));
    log.emplace_back("started");
    loop.run();
    CHECK(log == std::vector<std::string>{"started", "slept"});
  }

  TEST_CASE("a sleep is never short, and counts from the co_await on") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      auto later = reactor::sleep(on, 2ms);
      co_await reactor::sleep(on, 5ms);
      const auto begin = Clock::now();
      co_await later;
      CHECK(Clock::now() - begin >= 2ms);
    }(loop));
  }
}
