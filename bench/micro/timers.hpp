// Measures how long it takes to start, restart and cancel timers, and to note that a connection
// with an idle timeout is not idle, while a million timers are live.
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
///     IdleTimeouts(count);                  // so many idle timeouts, running
///     void arm(i);                       // counts anew from now
///     void touch(i);                     // notes that its connection is not idle
///     void inside(work);                 // both: calls it as a callback of the loop does
template <class Timers, class IdleTimeouts>
int measure_timers() {
  const std::vector<std::size_t> order = shuffled(timer_count);
  std::vector<std::chrono::milliseconds> delays(timer_count);
  std::mt19937_64 random(2);
  for (auto& delay : delays) delay = std::chrono::milliseconds(1'000 + random() % 59'000);

  Figures figures;
  const auto measure = [&figures](const char* name, std::size_t count, auto work) {
    figures.add(name, nanoseconds_each(count, work));
  };
  Timers timers(timer_count);
  timers.inside([&] {
    measure("start", timer_count, [&] {
      for (std::size_t i = 0; i < timer_count; ++i) timers.start(i, delays[i]);
    });
    measure("restart", timer_count, [&] {
      for (std::size_t i : order) timers.start(i, delays[timer_count - 1 - i]);
    });
    measure("restart_hot", timer_count, [&] {
      for (std::size_t i = 0; i < timer_count; ++i) timers.start(i % busy_connections, delays[i]);
    });
    measure("cancel", timer_count, [&] {
      for (std::size_t i : order) timers.cancel(i);
    });
  });

  constexpr std::size_t touches = 10 * timer_count;
  IdleTimeouts timeouts(timer_count);
  timeouts.inside([&] {
    measure("touch", touches, [&] {
      for (std::size_t i = 0; i < touches; i += busy_connections) {
        for (std::size_t j = 0; j < busy_connections; ++j) timeouts.touch(j);
      }
    });
    measure("arm", timer_count, [&] {
      for (std::size_t i = 0; i < timer_count; ++i) timeouts.arm(i % busy_connections);
    });
    measure("touch_cold", timer_count, [&] {
      for (std::size_t i : order) timeouts.touch(i);
    });
  });
  figures.print();
  return 0;
}

}  // namespace bench
