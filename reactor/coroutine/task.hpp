// A coroutine that produces one value.
#pragma once

#include <cassert>
#include <type_traits>
#include <utility>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/detail/lambda.hpp"
#include "reactor/coroutine/detail/task_promise.hpp"
#include "reactor/coroutine/detail/task_tree.hpp"

namespace reactor::inline v0 {

/// A coroutine that has not begun. `co_await` runs it, and is its value.
///
///     Task<Result<std::string>> ask(Connection& server, std::string question) {
///       co_await server.write(question);
///       Result<Bytes> answer = co_await server.read();
///       if (!answer) co_return Failure(answer.error());
///       co_return std::string(as_text(*answer));
///     }
///
/// It awaits other Tasks and what the headers of reactor/coroutine/ offer, in any depth. An
/// exception that leaves it comes out of the co_await.
///
/// Lifetime  Its parameters live as long as the Task: pass by value what the caller may destroy
///           before. Destroying the Task destroys the coroutine wherever it waits; the destructors
///           of what it waits for cancel that. It may be moved until it is awaited or started.
/// Thread    The loop's thread only.
/// Cost      One allocation, for the frame of the coroutine.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task taken(std::move(other));
    std::swap(frame_, taken.frame_);
    return *this;
  }
  ~Task() {
    if (frame_) detail::TaskTree::destroy(*frame_);
  }

  class Await;
  /// `co_await f()` or `co_await std::move(task)`: a Task runs once.
  Await operator co_await() && { return Await(std::move(*this)); }

  /// Internal. The frame now belongs to the caller.
  [[nodiscard]] detail::Frame& release() {
    assert(frame_ && "this Task was moved away, awaited or started before");
    return *std::exchange(frame_, nullptr);
  }

 private:
  friend promise_type;
  explicit Task(promise_type& promise) : frame_(&promise) {
    promise.coroutine = std::coroutine_handle<promise_type>::from_promise(promise);
  }

  detail::Frame* frame_;
};

/// What `co_await` of a task runs: the task, until it has ended.
template <class T>
class Task<T>::Await {
 public:
  using Awaited = T;

  explicit Await(Task task) : task_(std::move(task)) {}

  [[nodiscard]] bool await_ready() const {
    assert(task_.frame_ && "this Task was moved away, awaited or started before");
    return false;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    detail::Frame& outer = awaiting.promise();
    detail::Frame& inner = *task_.frame_;
    inner.owner = &task_.frame_;
    inner.tree = outer.tree;
    inner.awaited_by = &outer;
    outer.awaits = &inner;
    outer.tree->resume(inner);
  }
  T await_resume() { return static_cast<promise_type&>(*task_.frame_).take(); }

 private:
  Task task_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(*this);
}
inline Task<void> TaskPromise<void>::get_return_object() { return Task<void>(*this); }

}  // namespace detail
}  // namespace reactor

template <class T, reactor::detail::Lambda Object, class... Parameters>
struct std::coroutine_traits<reactor::Task<T>, Object&, Parameters...> {
  using promise_type = reactor::detail::LambdaPromise<T, std::remove_cvref_t<Object>>;
};
