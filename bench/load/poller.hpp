// The bare epoll set that all parts of the load generator use.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "bench/load/meter.hpp"

namespace bench {

/// An object with a descriptor in the set. It must not move while it is in the set.
class Pollable {
 public:
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Pollable() = default;
};

class Poller {
 public:
  Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
  }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { close(epoll_); }

  /// Reports these events to `pollable` (edge-triggered), by one epoll_ctl in a connection's life.
  /// Closing the descriptor removes it from the set.
  void add(int fd, Pollable& pollable, std::uint32_t events) {
    epoll_event event{};
    event.events = events | EPOLLET;
    event.data.ptr = &pollable;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
  }

  /// Waits until a pollable is ready, or `deadline`, and calls those that are ready.
  void wait_until(Time deadline, Time now) {
    const Time wait = deadline > now ? deadline - now : 0;
    const timespec timeout{static_cast<time_t>(wait / 1'000'000'000),
                           static_cast<long>(wait % 1'000'000'000)};
    const int count = epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()),
                                   deadline == never ? nullptr : &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      const auto& event = events_[static_cast<std::size_t>(i)];
      static_cast<Pollable*>(event.data.ptr)->on_ready(event.events);
    }
  }

 private:
  int epoll_;
  std::array<epoll_event, 256> events_;
};

}  // namespace bench
