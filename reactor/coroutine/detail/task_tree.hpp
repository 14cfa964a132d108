// The frames of coroutines, and the order in which they run. Internal.
#pragma once

#include <cassert>
#include <exception>
#include <utility>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/loop.hpp"

namespace reactor::inline v0::detail {

class TaskTree;
struct Frame;

// Notified of the end of a coroutine that no other coroutine awaits directly.
class Completion {
 public:
  virtual void on_completed(Frame& frame) noexcept = 0;

 protected:
  ~Completion() = default;
};

// Base of the promise of a Task.
struct Frame {
  std::coroutine_handle<> coroutine;
  Frame** owner = nullptr;           // The pointer that owns the frame, once it is awaited.
  TaskTree* tree = nullptr;          // Null until it is awaited or started.
  Frame* awaits = nullptr;           // The frame that this one has to wait for.
  Frame* awaited_by = nullptr;       // The frame that waits for this one.
  Completion* completion = nullptr;  // Without awaited_by.
  Frame* next = nullptr;             // The frame to resume after this one.
  bool ready = false;                // It is among those to resume.
  std::exception_ptr thrown;         // What left it.
};

// All coroutines that one started task has led to. One of them runs at a time. A coroutine that
// awaits another returns to run(), which then resumes the other one. So the stack does not grow,
// whether or not the compiler turns calls into jumps.
//
// It belongs to the object that has started the task until on_ended() or abandon(), and deletes
// itself.
class TaskTree : private Completion {
 public:
  explicit TaskTree(Loop& loop) : loop_(loop) {}
  TaskTree(const TaskTree&) = delete;
  TaskTree& operator=(const TaskTree&) = delete;

  [[nodiscard]] Loop& loop() const { return loop_; }

  // Takes over a frame, and runs it until it waits. After this the tree may no longer exist.
  void start(Frame& frame) {
    task_ = &frame;
    frame.tree = this;
    frame.completion = this;
    resume(frame);
  }

  // Runs `frame`: immediately, or after the coroutine of this tree that is running has stopped.
  void resume(Frame& frame) {
    if (running_) return push(frame);
    assert(loop_.in_loop_thread() && "a task is resumed on its loop's thread");
    running_ = true;
    frame.coroutine.resume();
    running_ = false;
    if (ready_ || over_) [[unlikely]]
      run();
  }

  // For run(): the frame that is added last runs first.
  void push(Frame& frame) {
    if (std::exchange(frame.ready, true)) return;
    frame.next = std::exchange(ready_, &frame);
  }

  [[gnu::noinline]] void run() {
    if (running_) return;
    running_ = true;
    while (ready_ && !over_) {
      Frame& frame = *ready_;
      ready_ = frame.next;
      frame.ready = false;
      frame.coroutine.resume();
    }
    running_ = false;
    if (over_) finish();
  }

  // Destroys a coroutine that does not run, and what it waits for, the innermost first.
  static void destroy(Frame& frame) noexcept {
    Frame* last = &frame;
    while (last->awaits) last = last->awaits;
    for (bool more = true; more;) {
      Frame* const outer = last->awaited_by;
      more = last != &frame;
      if (outer) outer->awaits = nullptr;
      if (last->ready) last->tree->remove(*last);
      if (last->owner) *last->owner = nullptr;
      last->coroutine.destroy();
      last = outer;
    }
  }

  // Destroys the task wherever it waits. If it is running, this happens when it next waits.
  void abandon() noexcept {
    abandoned_ = over_ = true;
    if (!running_) finish();
  }

 protected:
  virtual ~TaskTree() = default;

 private:
  // The task has thrown. What it was started with still exists.
  virtual void on_thrown() noexcept {}

  // The task has ended and is destroyed. The last call.
  virtual void on_ended() noexcept = 0;

  void on_completed(Frame&) noexcept final { over_ = true; }

  void remove(Frame& frame) noexcept {
    Frame** place = &ready_;
    while (*place != &frame) place = &(*place)->next;
    *place = frame.next;
  }

  // While a destructor runs, it may abandon the tree, or resume what is not destroyed yet.
  void finish() noexcept {
    running_ = true;
    const std::exception_ptr thrown = task_->thrown;
    if (thrown && !abandoned_) on_thrown();
    destroy(*std::exchange(task_, nullptr));
    if (!abandoned_) on_ended();
    if (thrown) loop_.post([thrown] { std::rethrow_exception(thrown); });
    delete this;
  }

  Loop& loop_;
  Frame* task_ = nullptr;
  Frame* ready_ = nullptr;
  bool running_ = false;
  bool over_ = false;
  bool abandoned_ = false;
};

}  // namespace reactor::detail
