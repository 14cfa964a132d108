// Signals of the process, awaited.
#pragma once

#include <optional>
#include <utility>

#include "reactor/coroutine/detail/event_source.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/signal.hpp"

namespace reactor::inline v0 {

/// The deliveries of one signal.
///
///     auto hangups = Signals::create(loop, SIGHUP);
///     while (co_await hangups->next()) reload();
///
/// A signal that is received while no task waits is returned by the next next(); several as one.
/// Like a Signal, it does not keep the loop running.
///
/// Lifetime  As Signal. What waits for it when it is destroyed continues with operation_canceled.
/// Thread    The loop's thread only.
class Signals {
  struct State final : detail::EventSource<State> {
    using Event = int;
    static constexpr bool borrows = false;

    std::optional<int> next() { return std::exchange(received, std::nullopt); }
    void go_on() {}
    void stop() {}
    void end() { signal.reset(); }
    void receive(int number) {
      received = number;
      this->notify();
    }

    std::optional<int> received;
    std::optional<Signal> signal;
  };

 public:
  /// Errors    As Signal::create.
  [[nodiscard]] static Result<Signals> create(Loop& loop, int number) {
    Signals signals;
    auto signal = Signal::create(
        loop, number, [state = signals.state_.get(), number] { state->receive(number); });
    if (!signal) return Failure(signal.error());
    signals.state_->signal.emplace(std::move(*signal));
    return signals;
  }

  /// Waits for the signal, and returns its number.
  [[nodiscard]] detail::AwaitEvent<State> next() { return detail::AwaitEvent<State>(*state_); }

 private:
  Signals() : state_(new State) {}

  Handle<State> state_;
};

}  // namespace reactor
