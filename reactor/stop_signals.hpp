// SIGINT and SIGTERM as a request to end in order.
#pragma once

#include <utility>

#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Calls back when the process is requested to end: on each SIGINT (Ctrl-C) and each SIGTERM.
///
///     auto server = Server<Echo>::listen(loop, "127.0.0.1:9000");
///     auto stop = StopSignals::create(loop, [&] { server->drain(); });
///     if (!server || !stop) return 1;
///     std::printf("listening on %s\n", server->address().to_string().c_str());
///     loop.run();  // until drained
///
/// It does not keep the loop running. A second signal calls back again. After the StopSignals is
/// destroyed, the two signals have no effect for the rest of the process: a user who presses Ctrl-C
/// twice does not interrupt a program that is ending.
///
/// Lifetime  Destroying it is final: no callback is called after it.
/// Thread    The loop's thread only.
class StopSignals {
 public:
  /// Errors    As Signal::create.
  [[nodiscard]] static Result<StopSignals> create(Loop& loop, Callback<void()> on_stop);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit StopSignals(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
