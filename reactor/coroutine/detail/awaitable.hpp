// What can be awaited, and what awaiting it returns. Internal.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "reactor/result.hpp"

namespace reactor::inline v0::detail {

// The object whose await_ready(), await_suspend() and await_resume() are called.
template <class Awaitable>
[[nodiscard]] decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
    return std::forward<Awaitable>(awaitable).operator co_await();
  } else {
    return std::remove_cvref_t<Awaitable>(std::forward<Awaitable>(awaitable));
  }
}

template <class Awaitable>
using Awaiter = std::remove_cvref_t<decltype(awaiter_of(std::declval<Awaitable>()))>;

template <class Awaitable>
using Awaited = decltype(std::declval<Awaiter<Awaitable>&>().await_resume());

// A value for void, where a value is needed.
template <class T>
using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
struct AsResult {
  using Type = Result<T>;
};
template <class T>
struct AsResult<Result<T>> {
  using Type = Result<T>;
};

// What is awaited refers to memory that is valid only until the task waits again.
template <class Awaitable>
concept Borrowing = requires { requires Awaiter<Awaitable>::borrows; };

}  // namespace reactor::detail
