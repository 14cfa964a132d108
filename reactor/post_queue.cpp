#include "reactor/post_queue.hpp"

#include <cstddef>
#include <utility>

namespace reactor::inline v0 {
namespace {

// The mutex is held for some nanoseconds only, unless its owner is not scheduled just then. So
// spinning first is cheaper than sleeping and being woken.
std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
  for (int tries = 0; tries < 100; ++tries) {
    if (mutex.try_lock()) return {mutex, std::adopt_lock};
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return std::unique_lock(mutex);
}

}  // namespace

bool PostQueue::push(Task&& task) {
  {
    const auto lock = lock_soon(mutex_);
    posted_.push_back(std::move(task));
    // The memory after this task is still in the cache of the loop's processor. It is fetched
    // early.
    constexpr std::size_t ahead = 8;
    if (posted_.capacity() - posted_.size() > ahead) __builtin_prefetch(&posted_.back() + ahead, 1);
    if (posted_.size() > 1) return false;
    has_posted_ = true;
  }
  return !awake_;
}

Batch<PostQueue::Task>& PostQueue::batch() {
  if (now_.empty()) {
    const auto lock = lock_soon(mutex_);
    now_.refill(posted_);
    has_posted_ = false;
  }
  return now_;
}

void PostQueue::clear() {
  now_ = {};
  while (!posted_.empty()) std::exchange(posted_, {}).clear();
}

}  // namespace reactor
