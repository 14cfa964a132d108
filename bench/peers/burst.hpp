// Shared code of both ends of a burst: datagrams from one thread to another, as fast as possible.
// The sender never waits, so only received datagrams count.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string_view>
#include <thread>

#include "bench/peers/peer.hpp"

namespace bench {

struct BurstOptions {
  std::size_t size = 1200;
  double seconds = 0.15;
};

inline BurstOptions parse_burst_options(int argc, char** argv) {
  BurstOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--size") options.size = std::strtoul(argv[i + 1], nullptr, 10);
    if (name == "--seconds") options.seconds = std::strtod(argv[i + 1], nullptr);
  }
  return options;
}

/// The state that both ends share. `over` ends them.
struct Burst {
  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> received = 0;
};

inline void stay_on_core(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

inline std::int64_t thread_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// Runs both ends on a core each and prints one JSON object. `receive` returns when it has seen
/// `over`; after `over` is set, `wake_receiver` is called once.
inline void run_burst(const BurstOptions& options, const std::function<void(Burst&)>& send,
                      const std::function<void(Burst&)>& receive,
                      const std::function<void()>& wake_receiver) {
  Burst burst;
  std::int64_t receiver_cpu = 0;
  std::int64_t sender_cpu = 0;
  std::thread receiver([&] {
    stay_on_core(0);
    receive(burst);
    receiver_cpu = thread_cpu_ns();
  });
  std::atomic<std::chrono::steady_clock::time_point> began{};
  std::thread sender([&] {
    stay_on_core(1);
    began = std::chrono::steady_clock::now();
    send(burst);
    sender_cpu = thread_cpu_ns();
  });
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  burst.over = true;
  sender.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began.load();
  wake_receiver();
  receiver.join();
  const auto received = static_cast<double>(burst.received);
  const auto sent = static_cast<double>(burst.sent);
  std::printf(
      "{\"time_ns\": %.1f, \"rate\": %.0f, \"sender_ns\": %.1f, \"receiver_ns\": %.1f, "
      "\"lost_share\": %.3f}\n",
      took.count() * 1e9 / received, received / took.count(),
      static_cast<double>(sender_cpu) / sent, static_cast<double>(receiver_cpu) / received,
      1 - received / sent);
}

}  // namespace bench
