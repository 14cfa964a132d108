#include "reactor/signal.hpp"

#include <uv.h>

#include <optional>
#include <string>
#include <utility>

#include "reactor/engine.hpp"
#include "reactor/passive_native.hpp"

namespace reactor {

struct Signal::State final : Source {
  State(Engine& engine, int signal, Callback<void()> callback)
      : Source(engine, Kind::signal),
        number(signal),
        native(new uv_signal_t),
        on_signal_callback(std::move(callback)) {
    native->data = this;
    uv_signal_init(engine.native(), native);
  }

  [[nodiscard]] int start() {
    // libuv serves none of its handles in a loop of ours whose handles are all unreferenced.
    if (engine().is_guest()) uv_unref(reinterpret_cast<uv_handle_t*>(native));
    passive.emplace(engine());
    return uv_signal_start(
        native,
        [](uv_signal_t* handle, int) {
          State& state = *static_cast<State*>(handle->data);
          state.engine().schedule(state);
        },
        number);
  }

  void on_ready(unsigned) override {}

  void on_turn() override { (void)engine().call(*this, on_signal_callback); }

  [[nodiscard]] std::string describe() const override { return "signal " + std::to_string(number); }

  // libuv calls back no more after this, but has to take a turn of its own to let go of the memory.
  void unregister() noexcept override {
    passive.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(native),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_signal_t*>(handle); });
  }

  const int number;
  uv_signal_t* const native;
  std::optional<PassiveNative> passive;
  Callback<void()> on_signal_callback;
};

void Signal::Retire::operator()(State* state) const noexcept { retire(state); }

Result<Signal> Signal::create(Loop& loop, int number, Callback<void()> on_signal) {
  Signal signal(new State(loop.engine(), number, std::move(on_signal)));
  if (const int error = signal.state_->start()) {
    return Failure(system_error(-error, "watch", "signal " + std::to_string(number)));
  }
  return signal;
}

int Signal::number() const { return state_->number; }

}  // namespace reactor
