// Owns the tasks of a program, a connection or a request.
#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include "reactor/coroutine/detail/nursery_state.hpp"
#include "reactor/coroutine/task.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"

namespace reactor::inline v0 {

/// Runs tasks, any number at the same time, and owns them.
///
///     Task<> tick(Loop& loop, std::string text) {
///       for (;;) {
///         co_await sleep(loop, 1s);
///         std::puts(text.c_str());
///       }
///     }
///     Loop loop;
///     Nursery nursery(loop);
///     nursery.start(tick(loop, "tick"));
///     loop.run();
///
/// A task runs inside the callbacks of what it waits for. When it ends, it is destroyed with its
/// parameters; the other tasks continue. An exception that leaves it comes out of Loop::run(), in
/// the same iteration or the next.
///
/// Lifetime  Destroying the Nursery destroys its tasks wherever they wait, and is final: none of
///           them continues. A task of its own may destroy it: that task is destroyed when it next
///           waits. The Loop outlives the Nursery.
/// Thread    The loop's thread only.
/// Cost      An allocation of about 100 bytes for each task that is started.
class Nursery {
 public:
  explicit Nursery(Loop& loop) : state_(new detail::NurseryState(loop)) {}

  /// Runs `task` until it first waits, and lets it continue in the loop.
  void start(Task<> task) { state_->start(task.release()); }

  /// Starts `function(arguments...)`, with the arguments moved or copied into the coroutine if it
  /// takes them by value. A lambda cannot have captures: they would be destroyed with the lambda.
  template <class Function, class... Arguments>
  void start(Function function, Arguments&&... arguments) {
    static_assert(!detail::Lambda<Function> || std::is_empty_v<Function>,
                  "a lambda with captures would be destroyed while its coroutine waits: pass the "
                  "captures as arguments, nursery.start([](T value) -> Task<> { … }, value)");
    static_assert(std::is_same_v<std::invoke_result_t<Function&, Arguments...>, Task<>>,
                  "a nursery starts functions that return Task<>");
    start(std::invoke(function, std::forward<Arguments>(arguments)...));
  }

  /// The tasks that have not ended.
  [[nodiscard]] std::size_t size() const { return state_->size(); }

  /// Waits until no task is left. A task of this nursery would wait forever.
  ///
  ///     co_await nursery.all_ended();
  [[nodiscard]] detail::AwaitEmpty all_ended() { return detail::AwaitEmpty(*state_); }

 private:
  Handle<detail::NurseryState> state_;
};

}  // namespace reactor
