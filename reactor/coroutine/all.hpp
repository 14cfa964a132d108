// Several tasks at the same time: until all have ended, or the first.
#pragma once

#include <tuple>
#include <utility>
#include <variant>

#include "reactor/coroutine/detail/awaitable.hpp"
#include "reactor/coroutine/detail/task_group.hpp"

namespace reactor::inline v0 {

/// Awaits all of these at the same time, and returns a tuple of their values; a `std::monostate`
/// for each without a value.
///
///     auto [user, orders] = co_await all(find_user(id), find_orders(id));
///
/// They begin in this order. The first exception destroys the others where they wait, and comes out
/// of the co_await. An error in a Result is a value like others.
///
/// Lifetime  Destroying the task destroys all of them.
/// Cost      An allocation for each that is not a Task.
template <class... Awaitables>
[[nodiscard]] auto all(Awaitables&&... awaitables) {
  static_assert((!std::is_lvalue_reference_v<Awaitables> && ...),
                "pass the awaitables themselves, or std::move()");
  static_assert((!detail::Borrowing<Awaitables> && ...),
                "what read() and next() return is valid only until the task waits again: await "
                "them in a Task that returns a copy");
  return detail::AwaitAll<detail::Awaited<Awaitables>...>(
      detail::as_task(std::forward<Awaitables>(awaitables))...);
}

/// Awaits the first of these, and destroys the others where they wait: read() and next() lose no
/// byte by that. Returns a variant, whose index() is the place of the first among the arguments.
///
///     auto first = co_await any(lines.next(), sleep(loop, 30s));
///     if (first.index() == 1) co_return;  // Nothing was received for 30 s.
///
/// They begin in this order. Once one has ended, those behind it do not begin. An exception of the
/// first comes out of the co_await.
///
/// Lifetime  Destroying the task destroys all of them.
/// Cost      An allocation for each that is not a Task.
template <class... Awaitables>
[[nodiscard]] auto any(Awaitables&&... awaitables) {
  static_assert((!std::is_lvalue_reference_v<Awaitables> && ...),
                "pass the awaitables themselves, or std::move()");
  return detail::AwaitAny<detail::Awaited<Awaitables>...>(
      detail::as_task(std::forward<Awaitables>(awaitables))...);
}

}  // namespace reactor
