// Work that blocks, awaited by a task.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "reactor/coroutine/detail/awaitable.hpp"
#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/waiter.hpp"
#include "reactor/loop.hpp"
#include "reactor/work.hpp"

namespace reactor::inline v0 {

/// What work() returns.
template <class Function>
class AwaitWork {
 public:
  using Awaited = std::invoke_result_t<Function&>;

  AwaitWork(Loop& loop, Function function) : loop_(loop), function_(std::move(function)) {}

  [[nodiscard]] bool await_ready() const { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter_.wait(task);
    work_.emplace(Work::run(
        loop_, [function = std::move(function_)]() mutable { return Outcome::of(function); },
        [this](Outcome outcome) {
          outcome_ = std::move(outcome);
          waiter_.resume();
        }));
  }
  Awaited await_resume() {
    if (outcome_.thrown) std::rethrow_exception(outcome_.thrown);
    if constexpr (!std::is_void_v<Awaited>) return std::move(*outcome_.value);
  }

 private:
  struct Outcome {
    static Outcome of(Function& function) {
      Outcome outcome;
      try {
        if constexpr (std::is_void_v<Awaited>) {
          function();
        } else {
          outcome.value.emplace(function());
        }
      } catch (...) {
        outcome.thrown = std::current_exception();
      }
      return outcome;
    }

    std::optional<detail::Value<Awaited>> value = {};
    std::exception_ptr thrown = {};
  };

  Loop& loop_;
  Function function_;
  Waiter waiter_;
  std::optional<Work> work_;
  Outcome outcome_;
};

/// Calls `function()` on the thread pool, as Work::run does, and returns what it returns. What it
/// throws comes out of the co_await.
///
///     auto hashing = work(loop, [path] { return hash_of_file(path); });
///     const Hash hash = co_await std::move(hashing);
///
/// gcc 12 destroys the captures of a lambda twice that is written inside a co_await expression,
/// unless they are trivial: write it before.
///
/// Lifetime  When the task is destroyed, a function that has not begun never does. One that has
///           begun continues to its end, so let it own what it needs: it may have captures.
/// Thread    The loop's thread, except for the function.
template <class Function>
[[nodiscard]] AwaitWork<Function> work(Loop& loop, Function function) {
  return AwaitWork<Function>(loop, std::move(function));
}

}  // namespace reactor
