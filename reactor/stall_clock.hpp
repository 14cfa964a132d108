// Measures how long the peer of a connection makes no progress. Internal.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace reactor::inline v0 {

/// Limits the time in which an operation makes no progress. It has no timer and reads no clock.
class StallClock {
 public:
  using Nanoseconds = std::int64_t;

  /// `operation` may make no progress for `most`. `unsent` bytes are in the kernel, not yet sent or
  /// not yet acknowledged by the peer.
  void start(const char* operation, Nanoseconds most, Nanoseconds now, int unsent) {
    operation_ = operation;
    most_ = std::max<Nanoseconds>(most, 0);
    since_ = now;
    discarding_since_ = 0;
    unsent_ = unsent;
  }

  [[nodiscard]] const char* operation() const { return operation_; }

  /// True when the peer has acknowledged, or a unix peer has read, what the kernel had to send. More
  /// unsent bytes are those of a write, not of the peer.
  [[nodiscard]] bool look_at_unsent(int unsent) { return std::exchange(unsent_, unsent) > unsent; }

  /// How long the operation may still make no progress, if bytes moved last at `moved_at`.
  [[nodiscard]] Nanoseconds left(Nanoseconds now, Nanoseconds moved_at) const {
    return most_ - (now - std::max(moved_at, since_));
  }

  /// True when all is sent to the peer and it has continued to send for `most`. Such a peer may not
  /// keep the connection open forever.
  [[nodiscard]] bool discards_too_long(Nanoseconds now, Nanoseconds most) {
    if (unsent_ > 0) return false;
    if (discarding_since_ == 0) discarding_since_ = now;
    return now - discarding_since_ >= most;
  }

 private:
  const char* operation_ = "";
  Nanoseconds most_ = 0;
  Nanoseconds since_ = 0;
  Nanoseconds discarding_since_ = 0;
  int unsent_ = 0;  // At the last check.
};

}  // namespace reactor
