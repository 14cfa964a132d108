// The promise of a Task: the result of its coroutine. Internal.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/detail/task_tree.hpp"

namespace reactor::inline v0 {

template <class T>
class Task;

}  // namespace reactor

namespace reactor::inline v0::detail {

template <class T>
struct TaskPromise;

// Runs next what waits for the coroutine that has ended.
struct ResumeAwaiting {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> ended) noexcept {
    Frame& frame = ended.promise();
    if (frame.awaited_by) return frame.tree->resume(*frame.awaited_by);
    frame.completion->on_completed(frame);
  }
  void await_resume() const noexcept {}
};

struct TaskPromiseBase : Frame {
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] ResumeAwaiting final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { thrown = std::current_exception(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  Task<T> get_return_object();

  template <class U>
  void return_value(U&& returned) {
    value.emplace(std::forward<U>(returned));
  }
  [[nodiscard]] T take() {
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*value);
  }

  std::optional<T> value;
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();

  void return_void() const noexcept {}
  void take() const {
    if (thrown) std::rethrow_exception(thrown);
  }
};

// Captures are members of the lambda object. `nursery.start([&]() -> Task<> { … }())` destroys it
// while its coroutine waits.
template <class T, class Object>
struct LambdaPromise : TaskPromise<T> {
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept {
    static_assert(std::is_empty_v<Object>,
                  "a coroutine that is a lambda cannot have captures, because they are destroyed "
                  "with the lambda, while the coroutine may still wait: pass them as parameters");
    return {};
  }
};

}  // namespace reactor::detail
