// The state of a Nursery: its tasks. Internal.
#pragma once

#include <cstddef>
#include <utility>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/detail/task_tree.hpp"
#include "reactor/coroutine/detail/wait_list.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"

namespace reactor::inline v0::detail {

class NurseryState final : public HandleState {
 public:
  explicit NurseryState(Loop& loop) : loop_(loop) {}

  void start(Frame& frame) { (new Tree(*this))->start(frame); }

  [[nodiscard]] std::size_t size() const { return size_; }
  WaitList until_empty;

 private:
  class Tree final : public TaskTree {
   public:
    explicit Tree(NurseryState& nursery)
        : TaskTree(nursery.loop_), nursery_(nursery), next_(nursery.first_) {
      if (next_) next_->previous_ = this;
      nursery_.first_ = this;
      ++nursery_.size_;
    }

    void leave() noexcept {
      (previous_ ? previous_->next_ : nursery_.first_) = next_;
      if (next_) next_->previous_ = previous_;
      --nursery_.size_;
    }

   private:
    void on_ended() noexcept override {
      leave();
      if (nursery_.size_ > 0) return;
      const Use use(nursery_);
      nursery_.until_empty.resume_all();
    }

    NurseryState& nursery_;
    Tree* previous_ = nullptr;
    Tree* next_;
  };

  void on_retired() noexcept override {
    until_empty.cancel_all();
    while (Tree* const tree = first_) {
      tree->leave();
      tree->abandon();
    }
  }

  Loop& loop_;
  Tree* first_ = nullptr;
  std::size_t size_ = 0;
};

class AwaitEmpty : WaitNode {
 public:
  using Awaited = void;

  explicit AwaitEmpty(NurseryState& nursery) : nursery_(nursery) {}

  [[nodiscard]] bool await_ready() const { return nursery_.size() == 0; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter.wait(task);
    nursery_.until_empty.add(*this);
  }
  void await_resume() const {}

 private:
  NurseryState& nursery_;
};

}  // namespace reactor::detail
