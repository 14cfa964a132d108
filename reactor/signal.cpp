#include "reactor/signal.hpp"

#include <uv.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "reactor/engine.hpp"
#include "reactor/unreferenced_handle.hpp"

namespace reactor::inline v0 {

struct Signal::State final : Source {
  State(Engine& engine, int signal, Callback<void()> callback)
      : Source(engine, Kind::signal),
        number(signal),
        native(std::make_unique<uv_signal_t>()),
        on_signal_callback(std::move(callback)) {
    if (const int error = uv_signal_init(engine.native(), native.get())) {
      init_error = error;
      return;
    }
    native->data = this;
  }

  [[nodiscard]] int start() {
    if (init_error) return init_error;
    // Only if embedded: libuv serves nothing in a standalone loop if all handles are unreferenced.
    if (engine().is_embedded()) uv_unref(reinterpret_cast<uv_handle_t*>(native.get()));
    unreferenced.emplace(engine());
    const auto lock = AfterFork::hold_off();
    return uv_signal_start(
        native.get(),
        [](uv_signal_t* handle, int) {
          State& state = *static_cast<State*>(handle->data);
          state.engine().schedule(state);
        },
        number);
  }

  void on_ready(unsigned) override {}

  void on_iteration() override { (void)engine().call(*this, on_signal_callback); }

  [[nodiscard]] std::string describe() const override { return "signal " + std::to_string(number); }

  // After this libuv calls back no more, but it needs an iteration of its own to release the
  // memory.
  void unregister() noexcept override {
    unreferenced.reset();
    if (init_error) return;
    const auto lock = AfterFork::hold_off();
    uv_close(reinterpret_cast<uv_handle_t*>(native.release()),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_signal_t*>(handle); });
  }

  const int number;
  std::unique_ptr<uv_signal_t> native;
  int init_error = 0;
  std::optional<UnreferencedHandle> unreferenced;
  Callback<void()> on_signal_callback;
  // In the child the signal has its default effect: libuv's pipe is shared with the parent.
  const AfterFork after_fork{[](void* state) noexcept {
                               auto* handle = static_cast<State*>(state)->native.get();
                               if (handle && handle->data) uv_signal_stop(handle);
                             },
                             this};
};

Result<Signal> Signal::create(Loop& loop, int number, Callback<void()> on_signal) {
  Signal signal(new State(loop.engine(), number, std::move(on_signal)));
  if (const int error = signal.state_->start()) {
    return Failure(system_error(-error, "watch", "signal " + std::to_string(number)));
  }
  return signal;
}

int Signal::number() const { return state_->number; }

}  // namespace reactor
