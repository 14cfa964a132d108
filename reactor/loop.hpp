// The event loop: it waits until something is ready, and calls back.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/iteration_statistics.hpp"

struct uv_loop_s;

namespace reactor::inline v0 {
class Engine;

#pragma GCC visibility push(default)

struct Metrics;

/// How a loop waits.
struct LoopOptions {
  /// How long to poll for events before the thread sleeps. Saves some microseconds of latency, at
  /// the cost of a core that is never idle.
  Duration spin = {};
};

/// One thread's event loop.
///
///     reactor::Loop loop;
///     auto timer = reactor::Timer::after(loop, 1s, [] { std::puts("a second later"); });
///     loop.run();
///
/// A child that the process forks may destroy the loop and the handles it inherited, or exit: this
/// does not change the parent's descriptors, signals, child processes and unix socket paths. The
/// child cannot run the loop: run() throws std::system_error (operation_not_permitted), also out of
/// the callback in which the process was forked. It may make a Loop of its own. A signal that the
/// child receives has its default effect, until the child makes a Signal. The sockets themselves
/// are shared: what the child writes to a Stream reaches the peer.
///
/// Lifetime  Outlives every handle made on it: if destroyed earlier, it prints which kinds of
///           handles are left, and aborts. The destructor waits for functions of Work that have
///           begun, and for killed child processes; it does not wait for name servers.
/// Thread    Everything on the thread that runs the loop; while no thread does, on any, one at a
///           time. Only post() and stop() may be called from any thread.
class Loop {
 public:
  using Clock = std::chrono::steady_clock;
  using Task = Callback<void(), 48>;

  /// Throws    std::system_error when the process has no descriptors left for it.
  explicit Loop(LoopOptions options = {});

  /// Embedded in the application's own libuv loop, which must outlive this one: `uv_run` on it
  /// serves both. An exception from a callback ends uv_run and is stored until rethrow().
  explicit Loop(uv_loop_s& application_loop);

  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Serves until stop(), or until nothing is left that could call back. An exception from a
  /// callback leaves this function; after that the loop can be run again, and no due work is lost.
  void run();

  /// Serves until stop(), also while only a post() from another thread could bring work.
  void run_forever();

  /// Waits until something happens and serves it: one iteration. False when nothing is left to wait
  /// for.
  bool run_once();

  /// Serves what is ready now, without waiting. False when nothing is left to wait for.
  bool poll();

  /// For a program whose own loop waits instead of this one. Each time before the program waits, it
  /// reads timeout(). It waits until fd() is readable, and no longer than timeout(), then calls
  /// poll(). The descriptor is readable only when there is work to do, and is the same at each
  /// call.
  ///
  ///     pollfd ready{loop.fd(), POLLIN, 0};
  ///     ::poll(&ready, 1, reactor::poll_timeout(loop.timeout()));
  ///     loop.poll();
  ///
  /// Not for a loop that is embedded in a libuv loop: uv_run serves that.
  [[nodiscard]] int fd();
  [[nodiscard]] Duration timeout();

  /// Ends run() after the current iteration, or the next run() after one iteration. If a callback
  /// of the same iteration throws, the exception leaves that run(), and stop() ends the next one.
  ///
  /// Thread    Any. The loop may be destroyed as soon as run() has returned, even if the thread that
  ///           called stop() is still in it.
  void stop() noexcept;

  /// Calls `task` on the loop's thread, in this iteration or the next, after everything that this
  /// thread posted before. A loop that is never run again destroys its tasks without calling them.
  ///
  /// Thread    Any. The loop may be destroyed as soon as the task has run.
  /// Cost      A lock; one system call when the loop sleeps, none when it has tasks already.
  ///           Captures of up to 48 bytes are not allocated.
  void post(Task task);

  /// True in the thread that runs the loop, and in every thread while none does. Any thread.
  [[nodiscard]] bool in_loop_thread() const;

  /// The time, read once an iteration.
  [[nodiscard]] Clock::time_point now();

  /// The wall clock, for dates. In a simulated world it is that of the host.
  [[nodiscard]] std::chrono::sys_time<std::chrono::nanoseconds> wall_now() const;

  /// Throws what a callback threw while the application ran its own loop.
  void rethrow();

  /// Measures how long iterations take, from now on; two clock reads an iteration.
  const IterationStatistics& measure_iterations();

  /// Counts what Metrics has, from now on. Before that, it costs nothing.
  ///
  /// Cost      Two clock reads an iteration, two a callback, and an addition for each system call.
  void measure();
  [[nodiscard]] Metrics metrics() const;

  /// Reports every callback that took longer than `limit`, after it returned: which handle it
  /// belongs to, and how long it took. Two clock reads a callback. Null switches it off.
  void watch_slow_callbacks(
      Duration limit, Callback<void(std::string what, std::chrono::nanoseconds took)> on_slow);

  /// libuv's loop below this one, for features that only libuv has.
  [[nodiscard]] uv_loop_s& native();

  /// For the layers above.
  [[nodiscard]] Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace reactor
#pragma GCC visibility pop
