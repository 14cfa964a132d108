#include "reactor/calls.hpp"

#include "reactor/timers.hpp"

namespace reactor::inline v0 {

void Calls::run(Callback<void(), 48>& task) {
  if (watching_) begin_watch();
  output.begin();
  attempt(task);
  output.end();
}

// For rethrow(): of several exceptions the first.
void Calls::keep_exception() noexcept {
  if (!exception_) exception_ = std::current_exception();
}

void Calls::rethrow() {
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
}

void Calls::watch_slow(Nanoseconds limit, OnSlow on_slow) {
  slow_limit_ = limit;
  watching_ = limit != 0 || metrics_;
  began_ = Timers::clock();  // For the callback that is running, if one is.
  on_slow_ = limit != 0 ? std::make_shared<OnSlow>(std::move(on_slow)) : nullptr;
}

void Calls::measure(Metrics& metrics) {
  if (!watching_) began_ = Timers::clock();
  metrics_ = &metrics;
  watching_ = true;
}

void Calls::begin_watch() { began_ = Timers::clock(); }

void Calls::report_slow(const LoopHandle& handle) {
  end_watch([&] { return handle.name(); });
}

void Calls::report_slow_task() {
  if (watching_) end_watch([] { return std::string("posted task"); });
}

template <class Describe>
void Calls::end_watch(Describe describe) {
  const Nanoseconds took = Timers::clock() - began_;
  if (metrics_) {
    ++metrics_->callbacks;
    metrics_->add_callback(std::chrono::nanoseconds(took), describe);
  }
  if (slow_limit_ == 0 || took < slow_limit_) return;
  attempt([&, on_slow = on_slow_] { (*on_slow)(describe(), std::chrono::nanoseconds(took)); });
}

}  // namespace reactor
