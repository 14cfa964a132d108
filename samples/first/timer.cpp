// Counts down, ten times a second.
#include <reactor/loop.hpp>
#include <reactor/timer.hpp>

#include <chrono>
#include <cstdio>
#include <optional>

int main() {
  using namespace std::chrono_literals;
  reactor::Loop loop;
  int left = 3;
  std::optional<reactor::Timer> tick;
  tick = reactor::Timer::every(loop, 100ms, [&] {
    std::printf("%d\n", left);
    if (--left == 0) tick.reset();  // in its own callback: legal, as everywhere
  });
  loop.run();  // returns when nothing is left to wait for
}
