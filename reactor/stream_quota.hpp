// Limits how much one stream may queue, alone and together with others. Internal.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "reactor/stream_limits.hpp"

namespace reactor::inline v0 {

struct SharedLimits::State {
  StreamLimits each;
  std::size_t most;
  std::size_t queued = 0;  // By all streams together.
};

inline constexpr StreamLimits default_stream_limits{};

/// The limits of a stream, and its part of what all streams that share them have queued.
class StreamQuota {
 public:
  [[nodiscard]] const StreamLimits& limits() const {
    return shared_ ? shared_->each : default_stream_limits;
  }

  /// What the stream has queued changes by this much.
  void add(std::size_t bytes) {
    if (shared_) shared_->queued += bytes;
  }
  void remove(std::size_t bytes) {
    if (shared_) shared_->queued -= bytes;
  }

  /// Changes to other limits, and counts there what the stream has `queued`.
  void replace(const SharedLimits& limits, std::size_t queued);

  /// Why a stream that has `queued` may not queue `size` more; empty if it may.
  [[nodiscard]] std::string why_full(std::size_t queued, std::size_t size) const;

 private:
  std::shared_ptr<SharedLimits::State> shared_;  // None if the defaults apply.
};

}  // namespace reactor
