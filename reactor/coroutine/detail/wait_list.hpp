// The tasks that wait for one event. Internal.
#pragma once

#include <optional>
#include <utility>

#include "reactor/coroutine/waiter.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0::detail {

// A task that waits for an object, which may be destroyed before.
class ObjectWaiter : public Waiter {
 public:
  ObjectWaiter() = default;
  ObjectWaiter(ObjectWaiter&& other) noexcept { (void)other; }  // Only before it waits.
  ObjectWaiter& operator=(ObjectWaiter&&) = delete;

  // The object is being destroyed, and a destructor runs no task: this one continues in the next
  // iteration.
  void cancel() {
    later_.emplace(Timer::after(loop(), {}, [this] { resume(); }));
  }

  [[nodiscard]] bool canceled() const { return later_.has_value(); }

 private:
  std::optional<Timer> later_;
};

struct WaitLinks {
  WaitLinks* previous = nullptr;
  WaitLinks* next = nullptr;
};

// Such a task in a list, from which its destructor removes it.
class WaitNode : WaitLinks {
 public:
  WaitNode() = default;
  WaitNode(WaitNode&&) noexcept {}  // Only before it waits.
  WaitNode& operator=(WaitNode&&) = delete;
  ~WaitNode() { leave(); }

 protected:
  ObjectWaiter waiter;

 private:
  friend class WaitList;

  void leave() {
    if (!previous) return;
    previous->next = next;
    if (next) next->previous = previous;
    previous = next = nullptr;
  }
};

class WaitList {
 public:
  void add(WaitNode& node) {
    node.next = head_.next;
    if (node.next) node.next->previous = &node;
    node.previous = &head_;
    head_.next = &node;
  }

  // Each of them may wait again, and destroy others and this list.
  void resume_all() {
    if (!head_.next) return;
    WaitLinks resumed{nullptr, std::exchange(head_.next, nullptr)};
    resumed.next->previous = &resumed;
    while (WaitNode* const node = leave_first(resumed)) node->waiter.resume();
  }

  void cancel_all() {
    while (WaitNode* const node = leave_first(head_)) node->waiter.cancel();
  }

 private:
  static WaitNode* leave_first(WaitLinks& head) {
    auto* const node = static_cast<WaitNode*>(head.next);
    if (node) node->leave();
    return node;
  }

  WaitLinks head_;
};

}  // namespace reactor::detail
