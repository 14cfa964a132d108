#include "reactor/stream_quota.hpp"

namespace reactor::inline v0 {

SharedLimits::SharedLimits(const StreamLimits& each, std::size_t max_total_queued_bytes)
    : state_(std::make_shared<State>(State{each, max_total_queued_bytes})) {}

std::size_t SharedLimits::queued_bytes() const { return state_->queued; }

void StreamQuota::replace(const SharedLimits& limits, std::size_t queued) {
  remove(queued);
  shared_ = limits.state_;
  add(queued);
}

std::string StreamQuota::why_full(std::size_t queued, std::size_t size) const {
  const auto exceeds = [size](std::size_t waiting, std::size_t most) {
    return waiting > most || size > most - waiting;
  };
  const std::size_t most = limits().max_queued_bytes;
  if (exceeds(queued, most)) {
    return "the peer does not read, and more than " + std::to_string(most) + " bytes wait for it";
  }
  if (shared_ && exceeds(shared_->queued, shared_->most)) {
    return "this peer and others do not read, and more than " + std::to_string(shared_->most) +
           " bytes wait for all of them";
  }
  return {};
}

}  // namespace reactor
