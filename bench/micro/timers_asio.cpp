#include <asio.hpp>

#include "bench/micro/timers.hpp"

namespace {

class Timers {
 public:
  explicit Timers(std::size_t count) {
    timers_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) timers_.emplace_back(context_);
  }
  void start(std::size_t i, std::chrono::milliseconds delay) {
    timers_[i].expires_after(delay);
    timers_[i].async_wait([](std::error_code) {});
    // A restart has cancelled a wait. Its handler runs here as in a running loop.
    context_.poll();
  }
  // The library works the same whether or not its loop is running.
  template <class Work>
  void inside(Work work) {
    work();
  }
  void cancel(std::size_t i) {
    timers_[i].cancel();
    context_.poll();
  }

 private:
  asio::io_context context_{ASIO_CONCURRENCY_HINT_UNSAFE};
  std::vector<asio::steady_timer> timers_;
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
