// Readiness of one file descriptor: the base of the rest of reactor/.
#pragma once

#include <string_view>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/readiness.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Calls back while a file descriptor is ready: a socket, a pipe, a terminal, an eventfd, anything
/// that the kernel can poll. The default is level-triggered: what you leave unread is reported
/// again on the next iteration of the loop. A descriptor may have any number of Watchers.
///
///     auto watcher = Watcher::create(loop, fd, Interest::readable,
///                                    [fd](Ready) { read_until_eagain(fd); });
///     if (!watcher) return Failure(watcher.error());
///
/// Lifetime  Borrows `fd` and never closes it. Destroying the Watcher ends the callbacks
///           immediately, even inside one, and `fd` may be closed on the next line.
/// Thread    The loop's thread only.
class Watcher {
 public:
  /// Starts watching `fd`, which must be open.
  ///
  /// Errors    EBADF: `fd` is not open.
  ///           EPERM: `fd` cannot be polled (a regular file, a directory): it is always ready.
  ///           operation_not_supported: edge-triggering, where the system has none.
  /// Cost      One epoll_ctl call, and one descriptor for the second and each later Watcher of
  ///           `fd`.
  [[nodiscard]] static Result<Watcher> create(Loop& loop, int fd, Interest interest,
                                              Callback<void(Ready)> on_ready,
                                              Trigger trigger = Trigger::level);

  /// Waits for something else from now on; rearms a one-shot Watcher. Events already pending for
  /// the old interest are dropped.
  ///
  /// Cost      One epoll_ctl call when the interest changes, none otherwise: write first, and
  ///           request `writable` only after EAGAIN.
  void set_interest(Interest interest);

  [[nodiscard]] Interest interest() const;
  [[nodiscard]] int fd() const;

  /// The name by which Metrics and watch_slow_callbacks() report it.
  void set_name(std::string_view name);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit Watcher(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
