#include "reactor/timer.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "reactor/socket.hpp"
#include "reactor/watcher.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Timer;
using Clock = std::chrono::steady_clock;

TEST_SUITE("timer") {
  TEST_CASE("a timer is never early, whatever its length") {
    Loop loop;
    for (const auto delay :
         {0us, 1us, 65us, 66us, 500us, 999us, 1000us, 1001us, 3333us, 20'000us}) {
      CAPTURE(delay.count());
      const auto began = Clock::now();
      Clock::time_point fired;
      const auto timer = Timer::after(loop, delay, [&] { fired = Clock::now(); });
      loop.run();
      CHECK(fired - began >= delay);
    }
  }

  TEST_CASE("a loop runs as long as a timer is running") {
    Loop loop;
    int fired = 0;
    Timer timer(loop, [&] { ++fired; });
    loop.run();
    CHECK(fired == 0);
    timer.restart(1ms);
    CHECK(timer.running());
    loop.run();
    CHECK(fired == 1);
    CHECK_FALSE(timer.running());
  }

  TEST_CASE("timers fire in the order of their due time, and of their start if that is the same") {
    Loop loop;
    std::vector<int> order;
    std::vector<Timer> timers;
    for (int i = 0; i < 3; ++i) {
      timers.push_back(Timer::after(loop, 100ms, [&order, i] { order.push_back(10 + i); }));
    }
    timers.push_back(Timer::after(loop, 5ms, [&order] { order.push_back(1); }));
    loop.run();
    CHECK(order == std::vector{1, 10, 11, 12});
  }

  TEST_CASE("a period does not drift, and missed periods are skipped") {
    Loop loop;
    const auto began = Clock::now();
    std::vector<Clock::duration> times;
    auto timer = Timer::every(loop, 10ms, [&] {
      times.push_back(Clock::now() - began);
      if (times.size() == 2) {
        while (Clock::now() - began < 45ms) {
        }
      }
    });
    run_until(loop, [&] { return times.size() == 4; });
    CHECK(times[0] >= 10ms);
    CHECK(times[1] >= 20ms);
    CHECK(times[2] >= 45ms);  // The one due at 30 ms, late. The one at 40 ms is skipped.
    CHECK(times[3] >= 50ms);
  }

  TEST_CASE("a timer may cancel, restart and destroy itself and others from its callback") {
    Loop loop;
    std::vector<int> order;
    std::optional<Timer> self, other;
    Timer third(loop, [&] { order.push_back(3); });
    self = Timer::after(loop, 1ms, [&, kept = std::make_shared<int>(7)] {
      self.reset();
      other.reset();
      third.restart(1ms);
      order.push_back(*kept);  // The captures of the callback live until it returns.
    });
    other = Timer::after(loop, 1ms, [&] { order.push_back(2); });
    loop.run();
    CHECK(order == std::vector{7, 3});
  }

  TEST_CASE("a timer without delay that restarts itself lets other handles run") {
    Loop loop;
    int spins = 0;
    bool done = false;
    Timer spinning(loop, [&] {
      ++spins;
      spinning.restart(0ms);
    });
    spinning.restart(0ms);
    const auto pair = ok(reactor::socket_pair());
    REQUIRE(write(pair[1].fd(), "x", 1) == 1);
    bool ready = false, posted = false;
    const auto watcher = ok(reactor::Watcher::create(
        loop, pair[0].fd(), reactor::Interest::readable, [&](reactor::Ready) { ready = true; }));
    loop.post([&] { posted = true; });
    const auto other = Timer::after(loop, 5ms, [&] { done = true; });
    run_until(loop, [&] { return done && ready && posted; });
    CHECK(spins > 0);
  }

  TEST_CASE("a hundred thousand timers with the same due time fire in the order of their start") {
    Loop loop;
    std::vector<int> order;
    std::vector<Timer> timers;
    for (int i = 0; i < 100'000; ++i)
      timers.emplace_back(loop, [&order, i] { order.push_back(i); });
    // Within one iteration the clock is read once, so that all of them are due at the same time.
    loop.post([&] {
      for (Timer& timer : timers) timer.restart(10ms);
    });
    loop.run();
    REQUIRE(order.size() == 100'000);
    CHECK(std::is_sorted(order.begin(), order.end()));
  }
}
