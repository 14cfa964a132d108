#include "bench/micro/post.hpp"
#include "reactor/loop.hpp"

namespace {

class Loop {
 public:
  void run() {
    statistics_ = &loop_.measure_iterations();
    loop_.run_forever();
  }
  void stop() { loop_.stop(); }
  void post(bench::Task task) { loop_.post(task); }
  // Another thread reads it while the loop is idle or almost idle.
  double wakeups() { return static_cast<double>(statistics_->iterations); }

 private:
  reactor::Loop loop_;
  const reactor::IterationStatistics* statistics_ = nullptr;
};

}  // namespace

int main() { return bench::measure_post<Loop>(); }
