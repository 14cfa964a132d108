// Awaitables made of callbacks.
#pragma once

#include <cassert>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/task.hpp"
#include "reactor/loop.hpp"

namespace reactor::inline v0 {

/// The task that waits for something: a member of an awaitable.
///
///     struct NextLine {
///       bool await_ready() { return input.has_line(); }
///       template <class Promise>
///       void await_suspend(std::coroutine_handle<Promise> task) {
///         waiter.wait(task);
///         input.on_line([this] { waiter.resume(); });
///       }
///       std::string await_resume() { return input.take_line(); }
///       ~NextLine() { input.on_line(nullptr); }  // The task is destroyed: cancel.
///
///       Input& input;
///       Waiter waiter = {};
///     };
///
/// Thread    The loop's thread only.
class Waiter {
 public:
  template <class Promise>
  void wait(std::coroutine_handle<Promise> task) {
    static_assert(std::is_base_of_v<detail::Frame, Promise>, "only a reactor::Task can await this");
    frame_ = &task.promise();
    assert(loop().in_loop_thread() && "a task awaits on its loop's thread");
  }

  [[nodiscard]] bool waits() const { return frame_ != nullptr; }

  /// The loop of the task that waits.
  [[nodiscard]] Loop& loop() const { return frame_->tree->loop(); }

  /// Waits in place of `other`, for its task.
  void take_over(Waiter& other) { frame_ = std::exchange(other.frame_, nullptr); }

  /// Continues the task: the await_resume() of the awaitable is next. The task runs until it waits
  /// again, and may destroy the awaitable and everything else. The second call of two has no
  /// effect.
  void resume() {
    if (detail::Frame* const frame = std::exchange(frame_, nullptr)) frame->tree->resume(*frame);
  }

 private:
  detail::Frame* frame_ = nullptr;
};

/// What await_callback() returns.
template <class T, class Start>
class AwaitCallback {
 public:
  using Awaited = T;

  explicit AwaitCallback(Start start) : start_(std::move(start)) {}

  [[nodiscard]] bool await_ready() const { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter_.wait(task);
    handle_.emplace(std::invoke(start_, Callback<void(T)>([this](T value) {
                                  value_.emplace(std::move(value));
                                  waiter_.resume();
                                })));
  }
  T await_resume() { return std::move(*value_); }

 private:
  using Handle = std::invoke_result_t<Start&, Callback<void(T)>>;

  Start start_;
  Waiter waiter_;
  std::optional<T> value_;
  std::optional<Handle> handle_;
};

/// Awaits a callback that a handle calls once with a T. `start` gets the callback and returns the
/// handle, which the task destroys when it continues, or is destroyed itself.
///
///     Result<std::string> name = co_await await_callback<Result<std::string>>([&](auto on_named) {
///       return Lookup::name_of(loop, peer, {}, std::move(on_named));
///     });
template <class T, class Start>
[[nodiscard]] AwaitCallback<T, Start> await_callback(Start start) {
  return AwaitCallback<T, Start>(std::move(start));
}

}  // namespace reactor
