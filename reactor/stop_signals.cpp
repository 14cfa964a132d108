#include "reactor/stop_signals.hpp"

#include <csignal>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "reactor/signal.hpp"

namespace reactor::inline v0 {

namespace {

template <class OnSignal>
Result<std::vector<Signal>> watch(Loop& loop, OnSignal on_signal) {
  std::vector<Signal> signals;
  for (const int number : {SIGINT, SIGTERM}) {
    auto signal = Signal::create(loop, number, on_signal);
    if (!signal) return Failure(signal.error());
    signals.push_back(std::move(*signal));
  }
  return signals;
}

// When the last Signal of a number is gone, the signal ends the process again, also when another
// thread receives it. So one of each is kept, in a loop that never runs.
void keep_both() noexcept {
  struct Kept {
    Loop loop;
    std::vector<Signal> signals;
  };
  static std::mutex mutex;
  static Kept* kept = nullptr;  // Never destroyed: a signal may arrive while the process ends.
  const std::lock_guard lock(mutex);
  if (kept) return;
  try {
    auto both = std::make_unique<Kept>();
    auto signals = watch(both->loop, [] {});
    if (!signals) return;
    both->signals = std::move(*signals);
    kept = both.release();
  } catch (const std::exception&) {
    // Out of descriptors or memory: a signal that arrives after this ends the process.
  }
}

}  // namespace

struct StopSignals::State final : HandleState {
  explicit State(Callback<void()> call) : on_stop(std::move(call)) {}

  void stop() {
    const Use use(*this);
    on_stop();
  }

  void on_retired() noexcept override {
    keep_both();
    signals.clear();
  }

  Callback<void()> on_stop;
  std::vector<Signal> signals;
};

Result<StopSignals> StopSignals::create(Loop& loop, Callback<void()> on_stop) {
  Handle<State> state(new State(std::move(on_stop)));
  auto signals = watch(loop, [stop = state.get()] { stop->stop(); });
  if (!signals) return Failure(signals.error());
  state->signals = std::move(*signals);
  return StopSignals(std::move(state));
}

}  // namespace reactor
