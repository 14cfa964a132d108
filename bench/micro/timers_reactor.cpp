#include "bench/micro/timers.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/timer.hpp"

namespace {

// A loop that makes its calls inside an iteration.
class InIteration {
 public:
  template <class Work>
  void inside(Work work) {
    loop_.post([&work] { work(); });
    loop_.poll();
  }

 protected:
  reactor::Loop loop_;
};

class Timers : public InIteration {
 public:
  explicit Timers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) timers_.emplace_back(loop_, [] {});
  }
  void start(std::size_t i, std::chrono::milliseconds delay) { timers_[i].restart(delay); }
  void cancel(std::size_t i) { timers_[i].cancel(); }

 private:
  std::vector<reactor::Timer> timers_;
};

class IdleTimeouts : public InIteration {
 public:
  explicit IdleTimeouts(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      timeouts_.emplace_back(loop_, bench::idle_timeout, [] {});
    }
  }
  void arm(std::size_t i) { timeouts_[i].restart(bench::idle_timeout); }
  void touch(std::size_t i) { timeouts_[i].touch(); }

 private:
  std::vector<reactor::IdleTimeout> timeouts_;
};

}  // namespace

int main() { return bench::measure_timers<Timers, IdleTimeouts>(); }
