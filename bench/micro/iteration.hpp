// Measures the cost of an iteration of the loop when no descriptor, one or a thousand are ready.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/micro/micro.hpp"

namespace bench {

/// Descriptors that are always readable.
class ReadyDescriptors {
 public:
  explicit ReadyDescriptors(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) fds_.push_back(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  ReadyDescriptors(const ReadyDescriptors&) = delete;
  ReadyDescriptors& operator=(const ReadyDescriptors&) = delete;
  ~ReadyDescriptors() {
    for (const int fd : fds_) close(fd);
  }
  [[nodiscard]] auto begin() const { return fds_.begin(); }
  [[nodiscard]] auto end() const { return fds_.end(); }

 private:
  std::vector<int> fds_;
};

/// Measures an adapter to a library:
///
///     Loop(descriptors, count&);   // watches them, level-triggered; a callback adds 1 to count
///     void iterate();              // serves what is ready, without waiting
template <class Loop>
int measure_iterations() {
  Figures figures;
  for (const std::size_t ready : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
    const std::size_t iterations = ready == 1000 ? 3'000 : 1'000'000;
    const ReadyDescriptors descriptors(ready);
    std::size_t count = 0;
    Loop loop(descriptors, count);
    for (int i = 0; i < 10; ++i) loop.iterate();
    count = 0;
    const double each = nanoseconds_each(iterations, [&] {
      for (std::size_t i = 0; i < iterations; ++i) loop.iterate();
    });
    // An iteration may serve only a part, and the next one the rest.
    const double served = static_cast<double>(count);
    figures.add("ready_" + std::to_string(ready),
                ready == 1000 ? each * static_cast<double>(iterations) / served : each);
  }
  figures.print();
  return 0;
}

}  // namespace bench
