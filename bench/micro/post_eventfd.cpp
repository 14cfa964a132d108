// The baseline for latency: a thread that blocks in epoll_wait on an eventfd. Its queue is a vector
// swapped under a lock.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mutex>

#include "bench/micro/post.hpp"

namespace {

class Loop {
 public:
  Loop() {
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  }
  ~Loop() {
    close(wake_);
    close(epoll_);
  }

  void run() {
    std::vector<bench::Task> tasks;
    while (!stopped_) {
      epoll_event event;
      epoll_wait(epoll_, &event, 1, -1);
      eventfd_t value = 0;
      eventfd_read(wake_, &value);
      ++wakeups_;
      {
        const std::lock_guard lock(mutex_);
        tasks.swap(queue_);
      }
      for (const auto& task : tasks) task();
      tasks.clear();
    }
  }
  void stop() {
    stopped_ = true;
    eventfd_write(wake_, 1);
  }
  void post(bench::Task task) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = queue_.empty();
      queue_.push_back(task);
    }
    if (was_empty) eventfd_write(wake_, 1);
  }
  double wakeups() { return static_cast<double>(wakeups_.load()); }

 private:
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::mutex mutex_;
  std::vector<bench::Task> queue_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> wakeups_{0};
};

}  // namespace

int main() { return bench::measure_post<Loop>(); }
