#include "reactor/datagram_backlog.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace reactor::inline v0 {

WriteStatus DatagramBacklog::add(const Outgoing& datagram) {
  const std::size_t receivers = queue_.receivers();
  const WriteStatus result = queue_.add(datagram);
  // A new receiver is tried soon, even if others have been waiting for long.
  if (queue_.receivers() > receivers) {
    retry_after_ = first_retry_after;
    if (retry_) retry_->cancel();
  }
  return result;
}

void DatagramBacklog::send() {
  const bool progress =
      queue_.send([this](std::span<Outgoing> some) { return sender_.transmit(some); });
  retry_after_ = progress ? first_retry_after : std::min(2 * retry_after_, last_retry_after);
  if (progress && give_up_) give_up_->restart(drain_timeout_);
}

bool DatagramBacklog::take_retry_due() { return std::exchange(retry_due_, false) && !empty(); }

void DatagramBacklog::drain(Duration timeout) {
  drain_timeout_ = timeout;
  give_up_due_ = false;
  give_up_.emplace(owner_.engine().loop(), [this] {
    give_up_due_ = true;
    owner_.engine().schedule(owner_);
  });
}

bool DatagramBacklog::give_up() {
  const bool gives_up = std::exchange(give_up_due_, false) && !give_up_->running();
  if (!gives_up || empty()) return false;
  queue_.discard([this](const Outgoing& first) { errors_.add_not_sent(ETIMEDOUT, first); });
  return true;
}

void DatagramBacklog::keep_receiver(const Address& to, bool room_is_reported) {
  queue_.set_receiver(to);
  room_is_reported_ = room_is_reported_ && room_is_reported;
}

void DatagramBacklog::changed() {
  if (empty()) {
    if (retry_) retry_->cancel();
    if (give_up_) give_up_->cancel();
    return;
  }
  if (!waits_for_writable()) {
    if (!retry_) {
      retry_.emplace(owner_.engine().loop(), [this] {
        retry_due_ = true;
        owner_.engine().schedule(owner_);
      });
    }
    if (!retry_->running()) retry_->restart(retry_after_);
  }
  if (give_up_ && !give_up_->running() && !give_up_due_) give_up_->restart(drain_timeout_);
}

}  // namespace reactor
