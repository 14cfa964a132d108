// The tasks that any thread posts to a loop. Internal.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "reactor/batch.hpp"
#include "reactor/callback.hpp"

namespace reactor::inline v0 {

/// Tasks in the order in which they were posted. They are taken in batches.
///
/// Thread    push() and lock() on any, all else on the loop's.
class PostQueue {
 public:
  using Task = Callback<void(), 48>;

  using Lock = std::unique_lock<std::mutex>;

  /// Owns the lock when the loop may be asleep: the caller has to wake it, and then to unlock. A
  /// loop that runs the task may end. Its destructor waits for the lock, and so for the caller.
  [[nodiscard]] Lock push(Task&& task);

  [[nodiscard]] Lock lock();

  /// If `awake`, the loop looks for tasks before it waits; otherwise push() returns true.
  void set_awake(bool awake) {
    awake_.store(awake, awake ? std::memory_order_relaxed : std::memory_order_seq_cst);
  }

  [[nodiscard]] bool empty() const { return now_.empty() && !has_posted_; }

  /// The tasks to run now: what is left of the last batch, or else all that were posted.
  [[nodiscard]] Batch<Task>& batch();

  /// Destroys all tasks, also those that their destructors post.
  void clear();

 private:
  Batch<Task> now_;
  // What other threads write, on cache lines of its own. The loop reads only one word of it.
  alignas(64) std::mutex mutex_;
  std::vector<Task> posted_;  // Guarded by mutex_.
  alignas(64) std::atomic<bool> has_posted_ = false;
  std::atomic<bool> awake_ = false;
};

}  // namespace reactor
