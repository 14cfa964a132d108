// One wait for many descriptors: like select and poll, without blocking the loop.
#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/readiness.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// One descriptor to wait for.
struct WaitFor {
  int fd;
  Interest interest;
};

/// One that is ready.
struct ReadyDescriptor {
  int fd;
  Ready ready;
};

/// A wait that has not ended yet. Destroying it ends it without a callback.
class WaitAny {
 public:
  using OnReady = Callback<void(std::span<const ReadyDescriptor>)>;

 private:
  friend Result<WaitAny> wait_any(Loop& loop, std::span<const WaitFor> waits,
                                  std::optional<Duration> timeout, OnReady on_ready);
  struct [[gnu::visibility("hidden")]] State;

  explicit WaitAny(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

/// Calls `on_ready` once: with all that are ready as soon as one is, or with none after `timeout`
/// (empty: no limit). The next wait reports again what was not read or written.
///
///     const std::array waits{WaitFor{a, Interest::readable}, WaitFor{b, Interest::writable}};
///     auto wait = wait_any(loop, waits, 1s, [](auto ready) { for (auto& [fd, how] : ready) … });
///
/// Errors    As Watcher::create: a bad descriptor is an error here; poll() reports POLLNVAL for it.
/// Thread    The loop's thread only.
/// Cost      Two epoll_ctl calls a descriptor. To wait more than once, keep Watchers instead.
[[nodiscard]] Result<WaitAny> wait_any(Loop& loop, std::span<const WaitFor> waits,
                                       std::optional<Duration> timeout, WaitAny::OnReady on_ready);

}  // namespace reactor
#pragma GCC visibility pop
