// Objects whose next event a task awaits. Internal.
#pragma once

#include <cassert>
#include <cerrno>
#include <optional>
#include <utility>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/detail/wait_list.hpp"
#include "reactor/handle.hpp"
#include "reactor/result.hpp"

namespace reactor::inline v0::detail {

// Awaits an event of a State, which has:
//     using Event; static constexpr bool borrows;
//     std::optional<Event> next();  the next event, if there is one
//     void go_on(); void stop();    a task waits from now on, or none
template <class State>
class AwaitEvent {
 public:
  using Awaited = Result<typename State::Event>;
  static constexpr bool borrows = State::borrows;

  explicit AwaitEvent(State& state) : state_(&state) {}
  AwaitEvent(AwaitEvent&& other) noexcept : state_(other.state_) {}  // Only before it waits.
  AwaitEvent& operator=(AwaitEvent&&) = delete;
  ~AwaitEvent() {
    if (!waiter_.waits() || !state_) return;
    state_->waiting = nullptr;
    state_->stop();
  }

  [[nodiscard]] bool await_ready() {
    event_ = state_->next();
    return event_.has_value();
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    assert(!state_->waiting && "two tasks wait for the same event");
    waiter_.wait(task);
    state_->waiting = this;
    state_->go_on();
  }
  Awaited await_resume() {
    if (event_) return std::move(*event_);
    return Failure(system_error(ECANCELED, "wait"));
  }

  void resume() {
    if (!await_ready()) return;
    state_->waiting = nullptr;
    waiter_.resume();
  }
  void cancel() {
    state_ = nullptr;
    waiter_.cancel();
  }

 private:
  State* state_;
  ObjectWaiter waiter_;
  std::optional<typename State::Event> event_;
};

template <class State>
class EventSource : public HandleState {
 public:
  AwaitEvent<State>* waiting = nullptr;

 protected:
  // There is an event.
  void notify() {
    const Use use(*this);
    if (waiting) waiting->resume();
    if (!retired() && !waiting) static_cast<State*>(this)->stop();
  }

 private:
  void on_retired() noexcept override {
    if (waiting) std::exchange(waiting, nullptr)->cancel();
    static_cast<State*>(this)->end();
  }
};

}  // namespace reactor::detail
