// One loop a thread: how a server uses more than one core.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/metrics.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Runs a Loop on each of several threads. Loops share nothing: each has listeners of its own on
/// the same port (ListenOptions::reuse_port), and a connection stays on the loop that accepted it.
///
///     LoopPool pool(4);
///     pool.run([&](Loop& loop, std::size_t) {
///       auto server = Server<Echo>::listen(loop, endpoint, {.listen = {.reuse_port = true}});
///       loop.run();
///     });
///
/// Where the kernel distributes connections badly, because there are few of them and they last, one
/// loop accepts all, and hand_off() passes each to the loop with the fewest.
///
/// Thread    run() in one thread at a time; all other functions in any.
class LoopPool {
 public:
  /// How the threads run.
  struct Options {
    /// Binds each thread to one of the processors that the process may use, where the system can.
    bool pin = false;
  };

  /// With 0 `threads` there is one thread for each core.
  explicit LoopPool(std::size_t threads);
  LoopPool(std::size_t threads, Options options);
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

  /// Calls `serve` on the thread of the loop that has the fewest streams, counting those that are
  /// on their way to it. False when no loop runs; then `serve` is destroyed without being called.
  ///
  ///     pool.hand_off([&, peer, socket = std::move(socket)](std::size_t index) mutable {
  ///       servers[index]->serve(std::move(socket), peer);
  ///     });
  bool hand_off(Callback<void(std::size_t index)> serve);

  /// Adds up the metrics of the loops on which measure() was called, and calls `on_metrics` with
  /// the sum on the thread of loop `index`; not when that loop ends before. Any thread.
  void collect_metrics(std::size_t index, Callback<void(const Metrics&)> on_metrics);

 private:
  struct [[gnu::visibility("hidden")]] State;
  std::unique_ptr<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
