// Time limits for anything that can be awaited.
#pragma once

#include <cerrno>
#include <optional>
#include <type_traits>
#include <utility>

#include "reactor/coroutine/detail/awaitable.hpp"
#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/waiter.hpp"
#include "reactor/duration.hpp"
#include "reactor/result.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {

/// What within() returns.
template <class Awaitable>
class Within {
  using Inner = detail::Awaiter<Awaitable>;
  using Returned = detail::Awaited<Awaitable>;

 public:
  using Awaited = typename detail::AsResult<Returned>::Type;
  static constexpr bool borrows = detail::Borrowing<Awaitable>;

  Within(Duration limit, Awaitable&& awaitable)
      : limit_(limit), inner_(detail::awaiter_of(std::forward<Awaitable>(awaitable))) {}

  [[nodiscard]] bool await_ready() { return inner_->await_ready(); }

  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter_.wait(task);
    timer_.emplace(Timer::after(waiter_.loop(), limit_, [this] {
      timed_out_ = true;
      waiter_.resume();
    }));
    inner_->await_suspend(task);
  }

  Awaited await_resume() {
    timer_.reset();
    if (timed_out_) {
      inner_.reset();
      return Failure(system_error(ETIMEDOUT, "wait"));
    }
    if constexpr (std::is_void_v<Returned>) {
      inner_->await_resume();
      return {};
    } else {
      return inner_->await_resume();
    }
  }

 private:
  Duration limit_;
  bool timed_out_ = false;
  Waiter waiter_;
  std::optional<Timer> timer_;
  std::optional<Inner> inner_;  // Destroyed first.
};

/// Awaits `awaitable`, for `limit` at most. After that it is destroyed, which cancels it: a read()
/// or next() that is cancelled in this way loses no byte. A value of type T comes as a Result<T>, a
/// Result as it is.
///
///     Result<std::string> answer = co_await within(5s, ask(server, "name?"));
///     if (!answer && answer.error().code == std::errc::timed_out) …
///
/// What is ready at once is returned with any limit. If both happen in one iteration of the loop,
/// the first one counts: input is served before timers.
///
/// Errors    timed_out, and those of `awaitable`.
/// Cost      A Timer.
template <class Awaitable>
[[nodiscard]] Within<Awaitable> within(Duration limit, Awaitable&& awaitable) {
  static_assert(!std::is_lvalue_reference_v<Awaitable>,
                "pass the awaitable itself, or std::move()");
  return {limit, std::forward<Awaitable>(awaitable)};
}

}  // namespace reactor
