// Tasks that run at the same time and are awaited together. Internal.
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "reactor/coroutine/detail/awaitable.hpp"
#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/detail/task_tree.hpp"
#include "reactor/coroutine/task.hpp"

namespace reactor::inline v0::detail {

template <class Awaitable>
[[nodiscard]] Task<Awaited<Awaitable>> as_task(Awaitable awaitable) {
  co_return co_await std::move(awaitable);
}
template <class T>
[[nodiscard]] Task<T> as_task(Task<T> task) {
  return task;
}

// A task that has been started, and is destroyed with this.
template <class T>
class Branch {
 public:
  explicit Branch(Task<T> task) : frame_(&task.release()) {}
  Branch(Branch&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Branch& operator=(Branch&&) = delete;
  ~Branch() {
    if (frame_) TaskTree::destroy(*frame_);
  }

  [[nodiscard]] Frame& frame() { return *frame_; }

  [[nodiscard]] Value<T> take() {
    auto& promise = static_cast<TaskPromise<T>&>(*frame_);
    if constexpr (std::is_void_v<T>) {
      promise.take();
      return {};
    } else {
      return promise.take();
    }
  }

 private:
  Frame* frame_;
};

// Awaits several tasks; `Ends` decides when.
template <class... Ts>
class TaskGroup : private Completion {
 public:
  explicit TaskGroup(Task<Ts>... tasks) : branches_(Branch<Ts>(std::move(tasks))...) {}
  TaskGroup(TaskGroup&& other) noexcept : branches_(std::move(other.branches_)) {}  // Not begun.
  TaskGroup& operator=(TaskGroup&&) = delete;

  [[nodiscard]] bool await_ready() const { return sizeof...(Ts) == 0; }

  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    awaiting_ = &awaiting.promise();
    TaskTree& tree = *awaiting_->tree;
    std::apply([&](auto&... branches) { begin(tree, {&branches.frame()...}); }, branches_);
    tree.run();
  }

 protected:
  ~TaskGroup() = default;

  // True once the group has ended; the task that awaits it is resumed then.
  [[nodiscard]] virtual bool ends_with(Frame& ended) noexcept = 0;

  std::tuple<Branch<Ts>...> branches_;

 private:
  void begin(TaskTree& tree, const std::array<Frame*, sizeof...(Ts)>& frames) {
    for (std::size_t i = frames.size(); i-- > 0;) {
      frames[i]->tree = &tree;
      frames[i]->completion = this;
      tree.push(*frames[i]);
    }
  }

  void on_completed(Frame& ended) noexcept final {
    if (awaiting_ && ends_with(ended)) {
      Frame& frame = *std::exchange(awaiting_, nullptr);
      frame.tree->resume(frame);
    }
  }

  Frame* awaiting_ = nullptr;
};

template <class... Ts>
class AwaitAll final : public TaskGroup<Ts...> {
 public:
  using Awaited = std::tuple<Value<Ts>...>;

  using TaskGroup<Ts...>::TaskGroup;

  Awaited await_resume() {
    if (thrown_) std::rethrow_exception(thrown_);
    return std::apply([](auto&... branches) { return Awaited(branches.take()...); },
                      this->branches_);
  }

 private:
  [[nodiscard]] bool ends_with(Frame& ended) noexcept override {
    thrown_ = ended.thrown;
    return --left_ == 0 || thrown_;
  }

  std::size_t left_ = sizeof...(Ts);
  std::exception_ptr thrown_;
};

template <class... Ts>
class AwaitAny final : public TaskGroup<Ts...> {
 public:
  using Awaited = std::variant<Value<Ts>...>;

  using TaskGroup<Ts...>::TaskGroup;

  Awaited await_resume() { return take(std::index_sequence_for<Ts...>()); }

 private:
  static_assert(sizeof...(Ts) > 0, "the first of nothing would never end");

  [[nodiscard]] bool ends_with(Frame& ended) noexcept override {
    first_ = &ended;
    return true;
  }

  template <std::size_t... places>
  Awaited take(std::index_sequence<places...>) {
    std::optional<Awaited> taken;
    (void)(take_if_first<places>(taken) || ...);
    return std::move(*taken);
  }

  template <std::size_t place>
  bool take_if_first(std::optional<Awaited>& taken) {
    auto& branch = std::get<place>(this->branches_);
    if (&branch.frame() != first_) return false;
    taken.emplace(std::in_place_index<place>, branch.take());
    return true;
  }

  Frame* first_ = nullptr;
};

}  // namespace reactor::detail
