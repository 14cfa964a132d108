#include "reactor/timer.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "reactor/engine.hpp"

namespace reactor::inline v0 {

struct Timer::State final : TimerHandle {
  State(Engine& engine, Callback<void()> callback)
      : TimerHandle(engine, Kind::timer), on_expired_callback(std::move(callback)) {}

  void start(Duration delay, Duration repeat) {
    period = repeat.count();
    due = Engine::clock();  // The time of the iteration is too old: the timer would be early.
    due = saturating_sum(due, std::max<Nanoseconds>(delay.count(), 0));
    expire_at(due);
    keep_loop_running(true);
  }

  void stop() {
    cancel();
    keep_loop_running(false);
  }

  void on_expired() override {
    if (period > 0) {
      const Nanoseconds missed = (Engine::clock() - due) / period;
      due = saturating_sum(due + missed * period, period);
      expire_at(due);
    } else {
      keep_loop_running(false);
    }
    (void)engine().call(*this, on_expired_callback);
  }

  void unregister() noexcept override { cancel(); }

  Callback<void()> on_expired_callback;
  Nanoseconds due = 0;
  Nanoseconds period = 0;
};

Timer::Timer(Loop& loop, Callback<void()> on_expired)
    : state_(new State(loop.engine(), std::move(on_expired))) {}

Timer Timer::after(Loop& loop, Duration delay, Callback<void()> on_expired) {
  Timer timer(loop, std::move(on_expired));
  timer.restart(delay);
  return timer;
}

Timer Timer::every(Loop& loop, Duration period, Callback<void()> on_expired) {
  Timer timer(loop, std::move(on_expired));
  timer.restart_every(period);
  return timer;
}

void Timer::restart(Duration delay) { state_->start(delay, Duration()); }

void Timer::restart_every(Duration period) {
  state_->start(period, std::max(period, Duration(std::chrono::nanoseconds(1))));
}

void Timer::cancel() { state_->stop(); }

bool Timer::running() const { return state_->armed(); }

void Timer::set_name(std::string_view name) { state_->set_name(std::string(name)); }

}  // namespace reactor
