// A loop with nothing to do once ran iterations without a pause: libuv had a handle of its own to
// register, and does so only once it has something to wait for.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <optional>

#include "reactor/loop.hpp"
#include "reactor/signal.hpp"
#include "reactor/timer.hpp"

using namespace std::chrono_literals;

TEST_SUITE("regressions") {
  TEST_CASE("a loop that waits for a timer sleeps until then, with and without libuv handles") {
    for (const bool with_signal : {false, true}) {
      CAPTURE(with_signal);
      reactor::Loop loop;
      const reactor::IterationStatistics& statistics = loop.measure_iterations();
      std::optional<reactor::Signal> signal;
      if (with_signal) signal.emplace(*reactor::Signal::create(loop, SIGUSR2, [] {}));
      const auto timer = reactor::Timer::after(loop, 30ms, [] {});
      loop.run();
      CHECK(statistics.iterations < 10);
    }
  }
}
