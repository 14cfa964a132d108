// libuv has uv_async_send, which only wakes the loop; each program has a queue of its own.
#include <uv.h>

#include <mutex>

#include "bench/micro/post.hpp"

namespace {

class Loop {
 public:
  Loop() {
    uv_loop_init(&loop_);
    uv_async_init(&loop_, &wake_,
                  [](uv_async_t* wake) { static_cast<Loop*>(wake->data)->on_wake(); });
    wake_.data = this;
  }
  ~Loop() {
    uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  void stop() {
    post({[](void* loop, std::uint64_t) { uv_stop(static_cast<uv_loop_t*>(loop)); }, &loop_, 0});
  }
  void post(bench::Task task) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(task);
    }
    uv_async_send(&wake_);
  }
  double wakeups() { return static_cast<double>(wakeups_.load()); }

 private:
  void on_wake() {
    ++wakeups_;
    {
      const std::lock_guard lock(mutex_);
      tasks_.swap(queue_);
    }
    for (const auto& task : tasks_) task();
    tasks_.clear();
  }

  uv_loop_t loop_;
  uv_async_t wake_;
  std::mutex mutex_;
  std::vector<bench::Task> queue_;
  std::vector<bench::Task> tasks_;
  std::atomic<std::uint64_t> wakeups_{0};
};

}  // namespace

int main() { return bench::measure_post<Loop>(); }
