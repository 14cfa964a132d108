// Signals of the process as callbacks on the loop.
#pragma once

#include <csignal>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Calls back after the process received a signal, which then has no other effect. Any number of
/// Signals, on any loops, may wait for one signal; signals that follow each other quickly may be
/// reported as one. It does not keep the loop running: when all other work is done, run() returns.
///
///     auto stop = Signal::create(loop, SIGTERM, [&] { server->drain(); });
///
/// Lifetime  Destroying the Signal is final: no callback is called after it. When the last Signal
///           for a signal is gone, that signal has its default effect again.
/// Thread    The loop's thread only.
class Signal {
 public:
  /// Errors    invalid_argument: no signal, or one that cannot be caught (SIGKILL, SIGSTOP).
  [[nodiscard]] static Result<Signal> create(Loop& loop, int number, Callback<void()> on_signal);

  [[nodiscard]] int number() const;

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit Signal(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
