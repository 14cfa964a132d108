#include "reactor/idle_timeout.hpp"

#include <utility>

#include "reactor/engine.hpp"

namespace reactor::inline v0 {

struct IdleTimeout::State final : TimerHandle {
  State(Engine& engine, Callback<void()> callback)
      : TimerHandle(engine, Kind::idle_timeout), on_expired_callback(std::move(callback)) {}

  void on_expired() override {
    const Nanoseconds due = saturating_sum(touched, timeout);
    if (due > engine().iteration_time()) return expire_at(due);
    (void)engine().call(*this, on_expired_callback);
  }

  // If the timer expires earlier anyway, it then restarts for what is left.
  void look_by(Nanoseconds due) {
    if (!expires_by(due)) expire_at(due);
  }

  void unregister() noexcept override { cancel(); }

  Nanoseconds touched = 0;
  Nanoseconds timeout = 0;
  Callback<void()> on_expired_callback;
};

IdleTimeout::IdleTimeout(Loop& loop, Duration timeout, Callback<void()> on_expired)
    : state_(new State(loop.engine(), std::move(on_expired))),
      touched_(&state_->touched),
      iteration_time_(&loop.engine().iteration_time()) {
  restart(timeout);
}

void IdleTimeout::restart(Duration timeout) {
  state_->timeout = timeout.count();
  state_->touched = state_->engine().now();
  state_->look_by(saturating_sum(state_->touched, state_->timeout));
}

void IdleTimeout::cancel() { state_->cancel(); }

}  // namespace reactor
