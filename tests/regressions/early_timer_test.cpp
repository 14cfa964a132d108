// A timer counted from the beginning of the iteration in which it was started. After a slow
// callback, or in an iteration that an exception had interrupted long ago, it fired too early.
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <stdexcept>

#include "reactor/loop.hpp"
#include "reactor/timer.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Timer;
using Clock = std::chrono::steady_clock;

namespace {

void spend(Clock::duration time) {
  const auto until = Clock::now() + time;
  while (Clock::now() < until) {
  }
}

}  // namespace

TEST_SUITE("early_timer") {
  TEST_CASE("a timer that is started after a slow callback counts from its start") {
    Loop loop;
    Clock::time_point started, fired;
    std::optional<Timer> timer;
    const auto running = Timer::after(loop, 0ms, [] {});  // So that the iteration has a time.
    loop.post([] { spend(20ms); });
    loop.post([&] {
      started = Clock::now();
      timer = Timer::after(loop, 10ms, [&] { fired = Clock::now(); });
    });
    loop.run();
    CHECK(fired - started >= 10ms);
  }

  TEST_CASE("an iteration that continues after an exception reads the clock again") {
    Loop loop;
    loop.post([] { throw std::runtime_error("interrupted"); });
    Loop::Clock::time_point resumed;
    loop.post([&] { resumed = loop.now(); });
    const auto running = Timer::after(loop, 0ms, [] {});
    CHECK_THROWS(loop.run());
    spend(5ms);
    const auto before = Clock::now();
    loop.run();
    CHECK(resumed >= before);
  }

  TEST_CASE("a repeating timer skips the periods that a slow callback made it miss") {
    Loop loop;
    int calls = 0;
    Clock::time_point slow_ended, third;
    std::optional<Timer> ticking;
    const auto slow = Timer::after(loop, 9ms, [&] {
      spend(35ms);
      slow_ended = Clock::now();
    });
    ticking = Timer::every(loop, 10ms, [&] {
      if (++calls < 3) return;
      third = Clock::now();
      ticking.reset();
    });
    loop.run();
    // The first call was due at 10 ms and happens now. The next two are due at 50 ms and 60 ms.
    CHECK(third - slow_ended >= 10ms);
  }

  TEST_CASE("a timer may wait as long as its type can represent") {
    Loop loop;
    bool fired = false;
    const auto never = Timer::after(loop, std::chrono::nanoseconds::max(), [&] { fired = true; });
    const auto soon = Timer::after(loop, 1ms, [&] { loop.stop(); });
    loop.run();
    CHECK_FALSE(fired);
    CHECK(never.running());
  }
}
