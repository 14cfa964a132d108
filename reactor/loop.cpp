#include "reactor/loop.hpp"

#include <algorithm>
#include <utility>

#include "reactor/engine.hpp"

namespace reactor::inline v0 {

Loop::Loop(LoopOptions options) : engine_(std::make_unique<Engine>(*this, nullptr, options.spin)) {}

Loop::Loop(uv_loop_s& application_loop)
    : engine_(std::make_unique<Engine>(*this, &application_loop, Duration())) {}

Loop::~Loop() = default;

void Loop::run() { engine_->run(false); }

void Loop::run_forever() { engine_->run(true); }

bool Loop::run_once() { return engine_->alive() && engine_->run_once(true); }

bool Loop::poll() { return engine_->run_once(false); }

int Loop::fd() { return engine_->host_descriptor(); }

Duration Loop::timeout() { return engine_->host_timeout(); }

void Loop::stop() noexcept { engine_->stop(); }

void Loop::post(Task task) { engine_->post(std::move(task)); }

bool Loop::in_loop_thread() const { return engine_->in_loop_thread(); }

Loop::Clock::time_point Loop::now() {
  return Clock::time_point(std::chrono::nanoseconds(engine_->now()));
}

std::chrono::sys_time<std::chrono::nanoseconds> Loop::wall_now() const {
  return std::chrono::sys_time<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(engine_->wall_now()));
}

void Loop::rethrow() { engine_->rethrow(); }

const IterationStatistics& Loop::measure_iterations() { return engine_->measure_iterations(); }

void Loop::measure() { engine_->measure(); }

Metrics Loop::metrics() const { return engine_->metrics(); }

void Loop::watch_slow_callbacks(
    Duration limit, Callback<void(std::string what, std::chrono::nanoseconds took)> on_slow) {
  const bool on = static_cast<bool>(on_slow);
  engine_->watch_slow_calls(on ? std::max<std::int64_t>(limit.count(), 1) : 0, std::move(on_slow));
}

uv_loop_s& Loop::native() { return *engine_->native(); }

}  // namespace reactor
