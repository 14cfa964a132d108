// ChildProcess processes whose end is awaited.
#pragma once

#include <optional>
#include <utility>

#include "reactor/coroutine/detail/event_source.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/process.hpp"
#include "reactor/result.hpp"

namespace reactor::inline v0 {

/// A child process for a task.
///
///     auto child = ChildProcess::start(loop, {.program = "date", .output = Standard::stream});
///     if (!child) co_return Failure(child.error());
///     Connection output(child->process().output());
///     for (;;) {
///       auto bytes = co_await output.read();
///       if (!bytes || bytes->empty()) break;
///       append(text, *bytes);
///     }
///     ProcessEnd end = *co_await child->end();
///
/// Lifetime  As Process: destroying it kills the whole group, so a task that is destroyed ends its
///           children. What waits for it then continues with operation_canceled. A Connection for
///           one of its streams is destroyed before the ChildProcess.
/// Thread    The loop's thread only.
class ChildProcess {
  struct State final : detail::EventSource<State> {
    using Event = ProcessEnd;
    static constexpr bool borrows = false;

    std::optional<ProcessEnd> next() { return ended; }
    void go_on() {}
    void stop() {}
    void end() { process.reset(); }
    void take(ProcessEnd how) {
      ended = how;
      this->notify();
    }

    std::optional<ProcessEnd> ended;
    std::optional<Process> process;
  };

 public:
  /// Errors    As Process::start.
  [[nodiscard]] static Result<ChildProcess> start(Loop& loop, const Command& command) {
    ChildProcess child;
    auto process = Process::start(
        loop, command, [state = child.state_.get()](ProcessEnd how) { state->take(how); });
    if (!process) return Failure(process.error());
    child.state_->process.emplace(std::move(*process));
    return child;
  }

  /// Waits until the process has ended. Later calls return the same.
  [[nodiscard]] detail::AwaitEvent<State> end() { return detail::AwaitEvent<State>(*state_); }

  /// For its streams and its number, and to kill() it.
  [[nodiscard]] Process& process() { return *state_->process; }

 private:
  ChildProcess() : state_(new State) {}

  Handle<State> state_;
};

}  // namespace reactor
