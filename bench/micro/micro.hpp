// Shared by the benchmarks without a load: time, indices in random order, figures as JSON.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

/// Nanoseconds that `work` takes, divided by `count`.
template <class Work>
double nanoseconds_each(std::size_t count, Work&& work) {
  const auto start = Clock::now();
  work();
  const std::chrono::duration<double, std::nano> took = Clock::now() - start;
  return took.count() / static_cast<double>(count);
}

/// 0 to count - 1, in a random order that is the same in every run.
inline std::vector<std::size_t> shuffled(std::size_t count) {
  std::vector<std::size_t> places(count);
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::shuffle(places.begin(), places.end(), std::mt19937_64(1));
  return places;
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Keeps the calling thread on the n-th of the cores that the process may use.
inline void pin_to_core(std::size_t n) {
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof(allowed), &allowed);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cores[n % cores.size()], &one);
  pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

/// Figures by name, printed as one JSON object.
class Figures {
 public:
  void add(const std::string& name, double value) {
    text_ += (text_.empty() ? "" : ",") + ('"' + name) + "\":" + std::to_string(value);
  }
  void print() const { std::printf("{%s}\n", text_.c_str()); }

 private:
  std::string text_;
};

}  // namespace bench
