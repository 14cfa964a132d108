// Measures tasks that other threads post to a loop: how many per second, and how soon they run.
#pragma once

#include <atomic>
#include <stdexcept>
#include <thread>

#include "bench/micro/micro.hpp"

namespace bench {

/// The task that a loop runs: two words, like `this` and a value.
struct Task {
  void (*run)(void* argument, std::uint64_t value);
  void* argument;
  std::uint64_t value;
  void operator()() const { run(argument, value); }
};

/// Counts what arrives from one producer, and checks that nothing is lost or overtaken.
class Arrivals {
 public:
  Task next() { return {arrived, this, sent_++}; }
  [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_acquire); }

 private:
  static void arrived(void* self, std::uint64_t value) {
    auto& arrivals = *static_cast<Arrivals*>(self);
    const std::uint64_t count = arrivals.count_.load(std::memory_order_relaxed);
    if (value != count) std::fprintf(stderr, "out of order\n"), std::abort();
    arrivals.count_.store(count + 1, std::memory_order_release);
  }

  alignas(64) std::uint64_t sent_ = 0;
  alignas(64) std::atomic<std::uint64_t> count_{0};
};

/// Nanoseconds for each task, from the first post to the last arrival.
template <class Loop>
double post_rate(Loop& loop, std::size_t producers) {
  constexpr std::uint64_t each = 3'000'000;
  std::vector<Arrivals> arrivals(producers);
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> threads;
  return nanoseconds_each(each * producers, [&] {
    for (std::size_t p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        pin_to_core(1 + p);
        ++ready;
        while (ready < producers) {
        }
        for (std::uint64_t i = 0; i < each; ++i) loop.post(arrivals[p].next());
      });
    }
    for (auto& thread : threads) thread.join();
    for (auto& arrived : arrivals) {
      while (arrived.count() < each) std::this_thread::yield();
    }
  });
}

/// Median nanoseconds from one post to an idle loop until its task runs.
template <class Loop>
double post_latency(Loop& loop) {
  constexpr std::size_t rounds = 3'000;
  constexpr auto long_enough_to_fall_asleep = std::chrono::microseconds(60);
  std::vector<double> latencies;
  struct Arrival {
    std::atomic<bool> done{false};
    Clock::time_point at;
  } arrival;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto idle_until = Clock::now() + long_enough_to_fall_asleep;
    while (Clock::now() < idle_until) {
    }
    arrival.done = false;
    const auto posted = Clock::now();
    loop.post(Task{[](void* argument, std::uint64_t) {
                     auto& here = *static_cast<Arrival*>(argument);
                     here.at = Clock::now();
                     here.done.store(true, std::memory_order_release);
                   },
                   &arrival, 0});
    while (!arrival.done.load(std::memory_order_acquire)) {
    }
    latencies.push_back(std::chrono::duration<double, std::nano>(arrival.at - posted).count());
  }
  return median(std::move(latencies));
}

/// Measures an adapter to a library, whose loop runs on a thread of its own:
///
///     void run();         // until stop()
///     void stop();        // any thread
///     void post(Task);    // any thread
///     double wakeups();     // how often the loop has woken up; 0 if unknown
template <class Loop>
int measure_post() {
  Figures figures;
  Loop loop;
  std::thread thread([&] {
    pin_to_core(0);
    loop.run();
  });
  pin_to_core(1);
  figures.add("latency", post_latency(loop));
  const double before = loop.wakeups();
  figures.add("one_producer", post_rate(loop, 1));
  figures.add("wakeups_a_post", (loop.wakeups() - before) / 3e6);
  figures.add("two_producers", post_rate(loop, 2));
  loop.stop();
  thread.join();
  figures.print();
  return 0;
}

}  // namespace bench
