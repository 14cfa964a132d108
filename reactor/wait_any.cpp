#include "reactor/wait_any.hpp"

#include <utility>

#include "reactor/engine.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"

namespace reactor::inline v0 {

// The first event of an iteration schedules the wait. It ends in the same iteration, after the
// events of all other descriptors.
struct WaitAny::State final : Source {
  State(Loop& loop, OnReady callback)
      : Source(loop.engine(), Kind::wait_any), on_ready_callback(std::move(callback)) {}

  void on_ready(unsigned) override {}

  void on_iteration() override {
    if (engine().interrupted()) return engine().schedule(*this);
    watchers.clear();
    timer.reset();
    keep_loop_running(false);
    (void)engine().call(*this, on_ready_callback, std::span<const ReadyDescriptor>(ready));
  }

  void unregister() noexcept override {
    watchers.clear();
    timer.reset();
  }

  OnReady on_ready_callback;
  std::vector<Watcher> watchers;
  std::optional<Timer> timer;
  std::vector<ReadyDescriptor> ready;
};

Result<WaitAny> wait_any(Loop& loop, std::span<const WaitFor> waits,
                         std::optional<Duration> timeout, WaitAny::OnReady on_ready) {
  WaitAny wait(new WaitAny::State(loop, std::move(on_ready)));
  WaitAny::State* const state = wait.state_.get();
  for (const auto& [fd, interest] : waits) {
    const auto note = [state, descriptor = fd](Ready how) {
      state->ready.push_back({descriptor, how});
      state->engine().schedule(*state);
    };
    auto watcher = Watcher::create(loop, fd, interest, note, Trigger::oneshot);
    if (!watcher) return Failure(watcher.error());
    state->watchers.push_back(std::move(*watcher));
  }
  if (timeout) {
    state->timer = Timer::after(loop, *timeout, [state] { state->engine().schedule(*state); });
  }
  state->keep_loop_running(true);
  return wait;
}

}  // namespace reactor
