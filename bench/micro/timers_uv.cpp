#include <uv.h>

#include <memory>

#include "bench/micro/timers.hpp"

namespace {

void on_expired(uv_timer_t*) {}

class Timers {
 public:
  explicit Timers(std::size_t count) : timers_(count) {
    uv_loop_init(&loop_);
    for (auto& timer : timers_) uv_timer_init(&loop_, &timer);
  }
  ~Timers() {
    for (auto& timer : timers_) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  void start(std::size_t i, std::chrono::milliseconds delay) {
    uv_timer_start(&timers_[i], on_expired, static_cast<std::uint64_t>(delay.count()), 0);
  }
  // The library works the same whether or not its loop is running.
  template <class Work>
  void inside(Work work) {
    work();
  }
  void cancel(std::size_t i) { uv_timer_stop(&timers_[i]); }

 private:
  uv_loop_t loop_;
  std::vector<uv_timer_t> timers_;
};

// An idle timeout is a timer that every message restarts.
class IdleTimeouts : public Timers {
 public:
  explicit IdleTimeouts(std::size_t count) : Timers(count) {
    for (std::size_t i = 0; i < count; ++i) touch(i);
  }
  void arm(std::size_t i) { touch(i); }
  void touch(std::size_t i) { start(i, bench::idle_timeout); }
};

}  // namespace

int main() { return bench::measure_timers<Timers, IdleTimeouts>(); }
