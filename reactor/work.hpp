// Work that blocks, done on a thread pool so that the loop does not.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Runs a function on libuv's thread pool (four threads unless UV_THREADPOOL_SIZE is set, shared by
/// all loops of the process) and passes what it returned to a callback on the loop.
///
///     auto hashing = Work::run(
///         loop, [path] { return hash_of_file(path); },
///         [](const Hash& hash) { std::puts(hash.text().c_str()); });
///
/// An exception from the function is thrown again on the loop, and leaves Loop::run().
///
/// Lifetime  Destroying the Work is final: the callback is not called after it. A function that has
///           not begun by then never does. One that has begun continues to its end, so let it own
///           what it needs. It is destroyed on the loop's thread, by the Loop at the latest.
/// Thread    The loop's thread, except for the function.
class Work {
 public:
  template <class Function, class OnDone>
  [[nodiscard]] static Work run(Loop& loop, Function function, OnDone on_done);

 private:
  struct [[gnu::visibility("hidden")]] State;

  Work(Loop& loop, Callback<void()> function, Callback<void()> on_done);

  Handle<State> state_;
};

template <class Function, class OnDone>
Work Work::run(Loop& loop, Function function, OnDone on_done) {
  using Returned = std::invoke_result_t<Function&>;
  if constexpr (std::is_void_v<Returned>) {
    static_assert(std::is_invocable_v<OnDone&>, "the callback takes no argument");
    return Work(loop, std::move(function), std::move(on_done));
  } else {
    static_assert(std::is_invocable_v<OnDone&, Returned>,
                  "the callback takes what the function returns");
    // Shared, since either side may be destroyed first.
    auto returned = std::make_shared<std::optional<Returned>>();
    return Work(
        loop,
        [returned, function = std::move(function)]() mutable { returned->emplace(function()); },
        [returned, on_done = std::move(on_done)]() mutable { on_done(std::move(**returned)); });
  }
}

}  // namespace reactor
#pragma GCC visibility pop
