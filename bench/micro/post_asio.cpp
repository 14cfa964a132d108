#include <asio.hpp>

#include "bench/micro/post.hpp"

namespace {

class Loop {
 public:
  void run() { context_.run(); }
  void stop() { context_.stop(); }
  void post(bench::Task task) { asio::post(context_, task); }
  double wakeups() { return 0; }

 private:
  asio::io_context context_{1};  // One thread runs it, others post.
  asio::executor_work_guard<asio::io_context::executor_type> work_ =
      asio::make_work_guard(context_);
};

}  // namespace

int main() { return bench::measure_post<Loop>(); }
