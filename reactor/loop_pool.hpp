// One loop a thread: how a server uses more than one core.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/metrics.hpp"

namespace reactor {

/// Runs a Loop on each of several threads. Loops share nothing: each has listeners of its own on
/// the same port (ListenOptions::reuse_port), and a connection stays on the loop that accepted it.
///
///     LoopPool pool(4);
///     pool.run([&](Loop& loop, std::size_t) {
///       auto server = Server<Echo>::listen(loop, endpoint, {.listen = {.reuse_port = true}});
///       loop.run();
///     });
///
/// Thread    run() in one thread at a time; size(), stop() and post() in any.
class LoopPool {
 public:
  /// With 0 `threads` there is one thread for each core.
  explicit LoopPool(std::size_t threads);
  ~LoopPool();
  LoopPool(const LoopPool&) = delete;
  LoopPool& operator=(const LoopPool&) = delete;

  [[nodiscard]] std::size_t size() const;

  /// Calls `serve` on every thread with its loop; `serve` sets the loop up and runs it. The first
  /// thread is the calling thread. Returns when all have returned. What one of them throws stops
  /// the others, and leaves this function.
  ///
  /// Throws    std::system_error when a thread or a loop cannot be made; `serve` is then called on
  ///           no thread.
  void run(Callback<void(Loop&, std::size_t index)> serve);

  /// Stops every loop, also one that its thread does not run yet: that loop's run() returns after
  /// one iteration. Before run(), stops the loops of the next run().
  void stop() noexcept;

  /// Calls `task` on the thread of loop `index`. False when there is no such loop: `index` is not
  /// below size(), or run() has not made the loop yet, or its `serve` has returned. The task is
  /// then destroyed without being called.
  bool post(std::size_t index, Loop::Task task);

  /// Adds up the metrics of the loops on which measure() was called, and calls `on_metrics` with
  /// the sum on the thread of loop `index`; not when that loop ends before. Any thread.
  void collect_metrics(std::size_t index, Callback<void(const Metrics&)> on_metrics);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reactor
