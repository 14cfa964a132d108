#include <sys/epoll.h>

#include <array>

#include "bench/micro/iteration.hpp"

namespace {

class Loop {
 public:
  Loop(const bench::ReadyDescriptors& descriptors, std::size_t& count) : count_(count) {
    for (const int fd : descriptors) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = fd;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
  }
  ~Loop() { close(epoll_); }
  void iterate() {
    const int ready = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0);
    for (int i = 0; i < ready; ++i) count_ += events_[static_cast<std::size_t>(i)].events & EPOLLIN;
  }

 private:
  std::size_t& count_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::array<epoll_event, 1024> events_;
};

}  // namespace

int main() { return bench::measure_iterations<Loop>(); }
