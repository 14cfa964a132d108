#include "bench/micro/timers.hpp"
#include "reactor/deadline.hpp"
#include "reactor/timer.hpp"

namespace {

class Timers {
 public:
  explicit Timers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) timers_.emplace_back(loop_, [] {});
  }
  void start(std::size_t i, std::chrono::milliseconds delay) { timers_[i].restart(delay); }
  void cancel(std::size_t i) { timers_[i].cancel(); }

 private:
  reactor::Loop loop_;
  std::vector<reactor::Timer> timers_;
};

class Deadlines {
 public:
  explicit Deadlines(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      deadlines_.emplace_back(loop_, bench::idle_timeout, [] {});
    }
  }
  void touch(std::size_t i) { deadlines_[i].touch(); }

 private:
  reactor::Loop loop_;
  std::vector<reactor::Deadline> deadlines_;
};

}  // namespace

int main() { return bench::measure_timers<Timers, Deadlines>(); }
