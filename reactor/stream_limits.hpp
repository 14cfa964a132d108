// Limits on what streams keep for peers that do not read.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "reactor/duration.hpp"

namespace reactor::inline v0 {
class StreamQuota;

#pragma GCC visibility push(default)

/// What a stream may keep for a peer that does not read, and for how long.
struct StreamLimits {
  /// Above this many bytes queued, write() returns `above_high_water`: write no more until
  /// on_drained, which is called when half of it is sent.
  std::size_t high_water_bytes = 256 * 1024;
  /// A write that would queue more than this closes the stream.
  std::size_t max_queued_bytes = 64 * 1024 * 1024;
  /// One read receives no more than this. When many streams of a loop have much to read at the same
  /// time, each read receives less, at least 16 KiB.
  std::size_t read_bytes = 512 * 1024;
  /// Closes the stream when output is queued and nothing moves for this long: the peer neither
  /// takes bytes nor sends any. max(): never.
  Duration stall_timeout = Duration::max();
  /// For close() without a timeout of its own, and wherever else the library closes the stream.
  Duration close_timeout = std::chrono::seconds(5);
  /// A peer that has received everything, and whose stream closes, may continue to send for this
  /// time. What it sends is discarded; see close(). max(): forever.
  Duration discard_timeout = std::chrono::seconds(30);
  /// Reads nothing from the peer while the output is above the high-water mark. This is for
  /// servers: a client that does not read its responses may send no more requests. Two programs
  /// that both set it and both write before they read wait for each other forever.
  bool pause_reading_above_high_water = false;
};

/// Limits that several streams share: what all of them queue together is limited too.
///
///     const SharedLimits limits({.max_queued_bytes = 1 << 20}, 64 << 20);
///     for (Stream& stream : streams) stream.set_limits(limits);
///
/// Thread    All of the streams belong to one loop, and this to its thread.
class SharedLimits {
 public:
  /// Each stream has the limits `each`. A write by which all of them together would queue more than
  /// `max_total_queued_bytes` closes its stream.
  explicit SharedLimits(const StreamLimits& each, std::size_t max_total_queued_bytes = SIZE_MAX);

  /// What all of the streams have queued.
  [[nodiscard]] std::size_t queued_bytes() const;

 private:
  friend class StreamQuota;
  struct [[gnu::visibility("hidden")]] State;
  std::shared_ptr<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
