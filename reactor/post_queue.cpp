#include "reactor/post_queue.hpp"

#include <cstddef>
#include <utility>

namespace reactor::inline v0 {

// The mutex is held for some nanoseconds only, or while the loop is woken, unless its owner is not
// scheduled just then. So spinning first is cheaper than sleeping and being woken.
PostQueue::Lock PostQueue::lock() {
  for (int tries = 0; tries < 100; ++tries) {
    if (mutex_.try_lock()) return {mutex_, std::adopt_lock};
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return Lock(mutex_);
}

PostQueue::Lock PostQueue::push(Task&& task) {
  Lock held = lock();
  posted_.push_back(std::move(task));
  // The memory after this task is still in the cache of the loop's processor. It is fetched early.
  constexpr std::size_t ahead = 8;
  if (posted_.capacity() - posted_.size() > ahead) __builtin_prefetch(&posted_.back() + ahead, 1);
  if (posted_.size() > 1) return {};
  has_posted_ = true;
  if (awake_) return {};
  return held;
}

Batch<PostQueue::Task>& PostQueue::batch() {
  if (now_.empty()) {
    const Lock held = lock();
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
