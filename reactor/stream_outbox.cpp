#include "reactor/stream_outbox.hpp"

#include <utility>

namespace reactor::inline v0 {

WriteStatus StreamOutbox::write(const std::shared_ptr<StreamOutbox>& self,
                                std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_) return WriteStatus::closed;
  const std::size_t before = waiting();
  if (before > limits_.max_queued_bytes || bytes.size() > limits_.max_queued_bytes - before) {
    return WriteStatus::refused;
  }
  const bool first = posted_.empty();
  posted_.insert(posted_.end(), bytes.begin(), bytes.end());
  if (first && !bytes.empty()) {
    engine_.post([self] {
      if (Source* const stream = self->engine_.find(self->token_)) self->on_written_(*stream);
    });
  }
  return waiting() > limits_.high_water_bytes ? WriteStatus::above_high_water : WriteStatus::queued;
}

void StreamOutbox::once_drained(Callback<void()> callback) {
  const std::lock_guard lock(mutex_);
  waiters_.push_back(std::move(callback));
  call_if_drained();
}

std::vector<std::byte> StreamOutbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(posted_, {});
}

void StreamOutbox::set_queued(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  queued_ = bytes;
  call_if_drained();
}

void StreamOutbox::set_limits(const StreamLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  call_if_drained();
}

void StreamOutbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  posted_ = {};
  queued_ = 0;
  call_if_drained();
}

void StreamOutbox::call_if_drained() {
  if (waiting() > limits_.high_water_bytes / 2) return;
  for (Callback<void()>& waiter : std::exchange(waiters_, {})) {
    engine_.post([waiter = std::move(waiter)]() mutable { waiter(); });
  }
}

}  // namespace reactor
