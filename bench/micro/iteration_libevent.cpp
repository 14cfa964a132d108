#include <event2/event.h>

#include "bench/micro/iteration.hpp"

namespace {

class Loop {
 public:
  Loop(const bench::ReadyDescriptors& descriptors, std::size_t& count) {
    for (const int fd : descriptors) {
      event* watched = event_new(
          base_, fd, EV_READ | EV_PERSIST,
          [](evutil_socket_t, short, void* counter) { ++*static_cast<std::size_t*>(counter); },
          &count);
      event_add(watched, nullptr);
      events_.push_back(watched);
    }
  }
  ~Loop() {
    for (event* watched : events_) event_free(watched);
    event_base_free(base_);
  }
  void iterate() { event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NONBLOCK); }

 private:
  event_base* base_ = event_base_new();
  std::vector<event*> events_;
};

}  // namespace

int main() { return bench::measure_iterations<Loop>(); }
