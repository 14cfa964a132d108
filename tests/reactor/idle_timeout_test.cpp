#include "reactor/idle_timeout.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "reactor/timer.hpp"
#include "support/positions.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::IdleTimeout;
using reactor::Loop;
using reactor::Timer;
using Clock = std::chrono::steady_clock;

TEST_SUITE("idle_timeout") {
  TEST_CASE_TEMPLATE("an idle timeout that nothing touches expires once, and never early", Position,
                     Host, Guest) {
    Position position;
    const auto began = Clock::now();
    std::vector<Clock::time_point> expired;
    const IdleTimeout idle(position.loop, 5ms, [&] { expired.push_back(Clock::now()); });
    run_until(position.loop, [&] { return !expired.empty(); });
    const auto later = Timer::after(position.loop, 10ms, [] {});
    position.loop.run();
    REQUIRE(expired.size() == 1);
    CHECK(expired[0] - began >= 5ms);
  }

  TEST_CASE_TEMPLATE("each touch counts anew, from the iteration in which it was", Position, Host,
                     Guest) {
    constexpr auto timeout = 20ms;
    Position position;
    Clock::time_point touched = Clock::now(), expired;
    IdleTimeout idle(position.loop, timeout, [&] { expired = Clock::now(); });
    // Twice as long as the timeout, unless this machine stalls for a whole timeout.
    Clock::duration longest_gap{0};
    for (int round = 0; round < 8; ++round) {
      const auto until = Clock::now() + timeout / 4;
      while (Clock::now() < until) position.loop.poll();
      position.loop.post([&] {
        idle.touch();
        longest_gap = std::max<Clock::duration>(longest_gap, position.loop.now() - touched);
        touched = position.loop.now();
      });
      position.loop.poll();
    }
    if (longest_gap < timeout) CHECK(expired == Clock::time_point());
    run_until(position.loop, [&] { return expired != Clock::time_point(); });
    if (longest_gap < timeout) CHECK(expired - touched >= timeout);
  }

  TEST_CASE_TEMPLATE("an idle timeout does not keep the loop running", Position, Host, Guest) {
    Position position;
    bool expired = false;
    const IdleTimeout idle(position.loop, 1ms, [&] { expired = true; });
    position.loop.run();
    CHECK_FALSE(expired);
  }

  TEST_CASE_TEMPLATE("an idle timeout that was cancelled or has expired starts again", Position,
                     Host, Guest) {
    Position position;
    int expired = 0;
    IdleTimeout idle(position.loop, 1ms, [&] { ++expired; });
    idle.cancel();
    idle.cancel();
    const auto later = Timer::after(position.loop, 3ms, [] {});
    position.loop.run();
    CHECK(expired == 0);
    idle.touch();  // A touch alone starts nothing.
    idle.restart(1ms);
    run_until(position.loop, [&] { return expired == 1; });
    idle.restart(1ms);
    run_until(position.loop, [&] { return expired == 2; });
  }

  TEST_CASE_TEMPLATE("restart() takes a shorter timeout and a longer one", Position, Host, Guest) {
    Position position;
    bool shortened = false;
    Clock::time_point lengthened;
    IdleTimeout first(position.loop, 1h, [&] { shortened = true; });
    IdleTimeout second(position.loop, 1ms, [&] { lengthened = Clock::now(); });
    const auto began = Clock::now();
    first.restart(2ms);
    second.restart(10ms);
    run_until(position.loop, [&] { return lengthened != Clock::time_point(); });
    CHECK(shortened);
    CHECK(lengthened - began >= 10ms);
  }

  TEST_CASE_TEMPLATE("an idle timeout may be destroyed or restarted by its own callback", Position,
                     Host, Guest) {
    Position position;
    int calls = 0;
    std::optional<IdleTimeout> idle;
    idle.emplace(position.loop, 1ms, [&, kept = std::make_shared<int>(7)] {
      if (++calls == 1) return idle->restart(1ms);
      idle.reset();
      CHECK(*kept == 7);
    });
    run_until(position.loop, [&] { return !idle; });
    CHECK(calls == 2);
  }

  TEST_CASE_TEMPLATE("ten thousand idle timeouts expire each in its time", Position, Host, Guest) {
    constexpr std::size_t many = 10'000;
    Position position;
    std::vector<IdleTimeout> timeouts;
    std::size_t expired = 0, wrong = 0;
    for (std::size_t i = 0; i < many; ++i) {
      if (i % 2 == 0) {
        timeouts.emplace_back(position.loop, 5ms, [&] { ++expired; });
      } else {
        timeouts.emplace_back(position.loop, 1h, [&] { ++wrong; });
      }
    }
    run_until(position.loop, [&] { return expired == many / 2; });
    CHECK(wrong == 0);
  }
}
