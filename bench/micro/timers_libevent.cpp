#include <event2/event.h>
#include <event2/event_struct.h>

#include "bench/micro/timers.hpp"

namespace {

void on_expired(evutil_socket_t, short, void*) {}

timeval to_timeval(std::chrono::milliseconds delay) {
  return {delay.count() / 1000, delay.count() % 1000 * 1000};
}

class Timers {
 public:
  explicit Timers(std::size_t count) : timers_(count) {
    for (auto& timer : timers_) evtimer_assign(&timer, base_, on_expired, nullptr);
  }
  ~Timers() {
    for (auto& timer : timers_) event_del(&timer);
    event_base_free(base_);
  }
  void start(std::size_t i, std::chrono::milliseconds delay) {
    const timeval when = to_timeval(delay);
    event_add(&timers_[i], &when);
  }
  // The library works the same whether or not its loop is running.
  template <class Work>
  void inside(Work work) {
    work();
  }
  void cancel(std::size_t i) { event_del(&timers_[i]); }

 protected:
  event_base* base_ = event_base_new();
  std::vector<event> timers_;
};

// A timer that every message restarts, in the queue that libevent has for equal timeouts.
class IdleTimeouts : public Timers {
 public:
  explicit IdleTimeouts(std::size_t count) : Timers(count) {
    const timeval timeout = to_timeval(bench::idle_timeout);
    common_ = event_base_init_common_timeout(base_, &timeout);
    for (std::size_t i = 0; i < count; ++i) touch(i);
  }
  void arm(std::size_t i) { touch(i); }
  void touch(std::size_t i) { event_add(&timers_[i], common_); }

 private:
  const timeval* common_ = nullptr;
};

}  // namespace

int main() { return bench::measure_timers<Timers, IdleTimeouts>(); }
