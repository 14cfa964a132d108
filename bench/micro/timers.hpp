// How long it takes to start, restart and cancel timers, and to note that a connection with an idle
// deadline is not idle, while a million of them are live.
#pragma once

#include "bench/micro/micro.hpp"

namespace bench {

constexpr std::size_t timer_count = 1'000'000;
constexpr std::size_t busy_connections = 1'000;
constexpr std::chrono::seconds idle_timeout{60};

/// Measures an adapter to a library:
///
///     Timers(count);                     // so many timers, not started
///     void start(i, milliseconds);       // also restarts
///     void cancel(i);
///     Deadlines(count);                  // so many idle deadlines, running
///     void touch(i);
template <class Timers, class Deadlines>
int measure_timers() {
  const std::vector<std::size_t> order = shuffled(timer_count);
  std::vector<std::chrono::milliseconds> delays(timer_count);
  std::mt19937_64 random(2);
  for (auto& delay : delays) delay = std::chrono::milliseconds(1'000 + random() % 59'000);

  Figures figures;
  {
    Timers timers(timer_count);
    figures.add("start", nanoseconds_each(timer_count, [&] {
                  for (std::size_t i = 0; i < timer_count; ++i) timers.start(i, delays[i]);
                }));
    figures.add("restart", nanoseconds_each(timer_count, [&] {
                  for (std::size_t i : order) timers.start(i, delays[timer_count - 1 - i]);
                }));
    figures.add("restart_hot", nanoseconds_each(timer_count, [&] {
                  for (std::size_t i = 0; i < timer_count; ++i) {
                    timers.start(i % busy_connections, delays[i]);
                  }
                }));
    figures.add("cancel", nanoseconds_each(timer_count, [&] {
                  for (std::size_t i : order) timers.cancel(i);
                }));
  }
  Deadlines deadlines(timer_count);
  constexpr std::size_t touches = 10 * timer_count;
  figures.add("touch", nanoseconds_each(touches, [&] {
                for (std::size_t i = 0; i < touches; i += busy_connections) {
                  for (std::size_t j = 0; j < busy_connections; ++j) deadlines.touch(j);
                }
              }));
  figures.add("touch_cold", nanoseconds_each(timer_count, [&] {
                for (std::size_t i : order) deadlines.touch(i);
              }));
  figures.print();
  return 0;
}

}  // namespace bench
