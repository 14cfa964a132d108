#include "reactor/stop_signals.hpp"

#include <csignal>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "reactor/signal.hpp"

namespace reactor {

struct StopSignals::State {
  std::vector<Signal> signals;

  [[nodiscard]] Result<void> watch(Loop& loop, Callback<void()> on_stop) {
    // Each Signal keeps it until its call returns, which may destroy this object.
    const auto shared = std::make_shared<Callback<void()>>(std::move(on_stop));
    for (const int number : {SIGINT, SIGTERM}) {
      auto signal = Signal::create(loop, number, [shared] { (*shared)(); });
      if (!signal) return Failure(signal.error());
      signals.push_back(std::move(*signal));
    }
    return {};
  }

  // With the last Signal of a number, the signal does again what it does by default: it ends the
  // process, also when another thread receives it. So one of each stays, in a loop that never runs.
  static void keep_both() noexcept {
    struct Kept {
      Loop loop;
      State state;
    };
    static std::mutex mutex;
    static Kept* kept = nullptr;  // Never destroyed: a signal may come while the process ends.
    const std::lock_guard lock(mutex);
    if (kept) return;
    try {
      auto both = std::make_unique<Kept>();
      if (both->state.watch(both->loop, [] {})) kept = both.release();
    } catch (const std::exception&) {
      // Out of descriptors or memory: a signal that comes from now on ends the process.
    }
  }
};

void StopSignals::Retire::operator()(State* state) const noexcept {
  State::keep_both();
  delete state;
}

Result<StopSignals> StopSignals::create(Loop& loop, Callback<void()> on_stop) {
  StopSignals stop(new State);
  if (const auto done = stop.state_->watch(loop, std::move(on_stop)); !done) {
    return Failure(done.error());
  }
  return stop;
}

}  // namespace reactor
