// What to wait for on a file descriptor, and what happened, as in select, poll and epoll.
#pragma once

#include "reactor/version.hpp"

namespace reactor::inline v0 {

/// What to wait for. Combine with `|`; `none` keeps a Watcher but stops its callbacks.
enum class Interest : unsigned char {
  none = 0,
  readable = 1,
  writable = 2,
  priority = 4,     ///< Out-of-band data (POLLPRI).
  peer_closed = 8,  ///< The peer has shut down its writing side (EPOLLRDHUP).
};

/// Both of them, and whether they have anything in common.
constexpr Interest operator|(Interest left, Interest right) {
  return static_cast<Interest>(static_cast<unsigned>(left) | static_cast<unsigned>(right));
}
constexpr bool operator&(Interest left, Interest right) {
  return (static_cast<unsigned>(left) & static_cast<unsigned>(right)) != 0;
}

/// When to be notified.
enum class Trigger : unsigned char {
  level,      ///< On each iteration of the loop for as long as the descriptor is ready.
  edge,       ///< Once each time it becomes ready: read or write until EAGAIN, or wait forever.
  oneshot,    ///< Once, then not again until the interest is set again.
  exclusive,  ///< As level; of several loops that watch it, one is woken (EPOLLEXCLUSIVE).
};

/// What happened to the descriptor. With `failed` and with `hung_up`, `readable` and `writable` are
/// set too if they were requested: the next read or write returns the end or the error. This is a
/// hint: the system call that follows may still return EAGAIN, and that is not an error.
struct Ready {
  bool readable = false;     ///< read, recv or accept does not block: data, the end or an error.
  bool writable = false;     ///< write or send does not block, or fails; a connect has finished.
  bool priority = false;     ///< Out-of-band data is waiting.
  bool failed = false;       ///< An error is pending: read, write or SO_ERROR collects it.
  bool hung_up = false;      ///< Both directions have ended (never reported on uv_poll_t).
  bool peer_closed = false;  ///< The peer writes no more; what it wrote may still be unread.

  /// True when anything at all happened.
  explicit operator bool() const {
    return readable || writable || priority || failed || hung_up || peer_closed;
  }
};

}  // namespace reactor
