// The thread pools for blocking calls.
#include <pthread.h>
#include <uv.h>

#include <csignal>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "reactor/after_fork.hpp"
#include "reactor/platform/platform.hpp"

namespace reactor::inline v0::platform {
namespace {

// These threads belong to no loop, and are not libuv's: a loop waits for libuv's threads when it is
// destroyed, and would then wait for name servers that do not respond.
class DetachedThreads {
 public:
  // Never destroyed: a thread may be in a job when the process ends. A forked child has none of the
  // threads, and starts with a new pool.
  static DetachedThreads& instance() {
    static auto* current = new DetachedThreads;
    static const auto* const after_fork = new AfterFork(
        [](void* pointer) noexcept {
          // NOLINTNEXTLINE: there is no way on without memory
          *static_cast<DetachedThreads**>(pointer) = new DetachedThreads;
        },
        &current);
    (void)after_fork;
    return *current;
  }

  /// 0 or an errno.
  [[nodiscard]] int add(Callback<void()> run) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(run), replacement});
    if (running_ == most_threads) return 0;
    try {
      start();
    } catch (const std::system_error& error) {
      if (running_ > 0) return 0;  // Another thread will run it.
      waiting_.pop_back();
      return error.code().value();
    }
    ++running_;
    return 0;
  }

 private:
  struct Job {
    Callback<void()> run;
    Platform* platform = nullptr;
  };

  // Lookups that were given up still count until the name service returns.
  static constexpr std::size_t most_threads = 16;

  // Only threads of the application handle signals.
  void start() {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      std::thread([this] { serve(); }).detach();
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void serve() {
    while (std::optional<Job> job = next()) {
      const Use use(job->platform);
      job->run();
    }
  }

  // Returns none when the thread may end.
  [[nodiscard]] std::optional<Job> next() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --running_;
      return std::nullopt;
    }
    std::optional<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    return job;
  }

  std::mutex mutex_;  // Guards what follows.
  std::deque<Job> waiting_;
  std::size_t running_ = 0;
};

}  // namespace

namespace kernel {

void queue_work(uv_loop_s* native, uv_work_s* work, void (*run)(uv_work_s*),
                void (*done)(uv_work_s*, int status)) {
  uv_queue_work(native, work, run, done);
}

void cancel_work(uv_work_s* work) { uv_cancel(reinterpret_cast<uv_req_t*>(work)); }

int run_detached(Callback<void()> job) { return DetachedThreads::instance().add(std::move(job)); }

}  // namespace kernel
}  // namespace reactor::platform
