#include "reactor/idle_timeout.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "reactor/timer.hpp"
#include "support/loop_modes.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::IdleTimeout;
using reactor::Loop;
using reactor::Timer;
using Clock = std::chrono::steady_clock;

TEST_SUITE("idle_timeout") {
  TEST_CASE_TEMPLATE("an idle timeout without a touch expires once, and never early", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    const auto began = Clock::now();
    std::vector<Clock::time_point> expired;
    const IdleTimeout idle(mode.loop, 5ms, [&] { expired.push_back(Clock::now()); });
    run_until(mode.loop, [&] { return !expired.empty(); });
    const auto later = Timer::after(mode.loop, 10ms, [] {});
    mode.loop.run();
    REQUIRE(expired.size() == 1);
    CHECK(expired[0] - began >= 5ms);
  }

  TEST_CASE_TEMPLATE("each touch starts the timeout again, from the iteration of the touch",
                     LoopMode, Standalone, Embedded) {
    constexpr auto timeout = 20ms;
    LoopMode mode;
    Clock::time_point touched = Clock::now(), expired;
    IdleTimeout idle(mode.loop, timeout, [&] { expired = Clock::now(); });
    // Twice as long as the timeout, unless this machine stalls for a whole timeout.
    Clock::duration longest_gap{0};
    for (int round = 0; round < 8; ++round) {
      const auto until = Clock::now() + timeout / 4;
      while (Clock::now() < until) mode.loop.poll();
      mode.loop.post([&] {
        idle.touch();
        longest_gap = std::max<Clock::duration>(longest_gap, mode.loop.now() - touched);
        touched = mode.loop.now();
      });
      mode.loop.poll();
    }
    if (longest_gap < timeout) CHECK(expired == Clock::time_point());
    run_until(mode.loop, [&] { return expired != Clock::time_point(); });
    if (longest_gap < timeout) CHECK(expired - touched >= timeout);
  }

  TEST_CASE_TEMPLATE("an idle timeout does not keep the loop running", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    bool expired = false;
    const IdleTimeout idle(mode.loop, 1ms, [&] { expired = true; });
    mode.loop.run();
    CHECK_FALSE(expired);
  }

  TEST_CASE_TEMPLATE("an idle timeout that was cancelled or has expired starts again", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    int expired = 0;
    IdleTimeout idle(mode.loop, 1ms, [&] { ++expired; });
    idle.cancel();
    idle.cancel();
    const auto later = Timer::after(mode.loop, 3ms, [] {});
    mode.loop.run();
    CHECK(expired == 0);
    idle.touch();  // touch() alone does not start it.
    idle.restart(1ms);
    run_until(mode.loop, [&] { return expired == 1; });
    idle.restart(1ms);
    run_until(mode.loop, [&] { return expired == 2; });
  }

  TEST_CASE_TEMPLATE("restart() takes a shorter timeout and a longer one", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    bool shortened = false;
    Clock::time_point lengthened;
    IdleTimeout first(mode.loop, 1h, [&] { shortened = true; });
    IdleTimeout second(mode.loop, 1ms, [&] { lengthened = Clock::now(); });
    const auto began = Clock::now();
    first.restart(2ms);
    second.restart(10ms);
    run_until(mode.loop, [&] { return lengthened != Clock::time_point(); });
    CHECK(shortened);
    CHECK(lengthened - began >= 10ms);
  }

  TEST_CASE_TEMPLATE("an idle timeout may be destroyed or restarted by its own callback", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    int calls = 0;
    std::optional<IdleTimeout> idle;
    idle.emplace(mode.loop, 1ms, [&, kept = std::make_shared<int>(7)] {
      if (++calls == 1) return idle->restart(1ms);
      idle.reset();
      CHECK(*kept == 7);
    });
    run_until(mode.loop, [&] { return !idle; });
    CHECK(calls == 2);
  }

  TEST_CASE_TEMPLATE("ten thousand idle timeouts expire, each at its time", LoopMode, Standalone,
                     Embedded) {
    constexpr std::size_t many = 10'000;
    LoopMode mode;
    std::vector<IdleTimeout> timeouts;
    std::size_t expired = 0, wrong = 0;
    for (std::size_t i = 0; i < many; ++i) {
      if (i % 2 == 0) {
        timeouts.emplace_back(mode.loop, 5ms, [&] { ++expired; });
      } else {
        timeouts.emplace_back(mode.loop, 1h, [&] { ++wrong; });
      }
    }
    run_until(mode.loop, [&] { return expired == many / 2; });
    CHECK(wrong == 0);
  }
}
