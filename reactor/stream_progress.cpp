#include "reactor/stream_progress.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

namespace reactor::inline v0 {

StreamProgress::StreamProgress(Engine& engine, Socket socket, const Address& peer)
    : StreamInput(engine, std::move(socket), peer) {
  moved_at_ = -engine.now();
}

void StreamProgress::set_limits(const SharedLimits& limits) {
  StreamInput::set_limits(limits);
  if (waits_to_send() && !is(connecting | handshaking | closing)) {
    limit_time(this->limits().stall_timeout, "send to");
  }
}

StreamProgress::Nanoseconds StreamProgress::quiet_for() {
  if (is(no_reader | paused | throttled)) return 0;
  look_at_unsent();
  return engine().known_time_since(std::abs(moved_at_));
}

void StreamProgress::limit_time(Duration most, const char* operation) {
  Stall& stall = this->stall();
  stall.timer.cancel();
  if (most == Duration::max()) return;
  stall.timer.restart(most);
  stall.clock.start(operation, most.count(), engine().now(), connection().unsent_bytes());
}

void StreamProgress::end_time_limit() {
  if (stall_) stall_->timer.cancel();
}

void StreamProgress::limit_stall() {
  if (!stall_ || !stall_->timer.running()) limit_time(limits().stall_timeout, "send to");
}

void StreamProgress::on_time() {
  // When all was sent, the timer was left running: that is cheaper than to stop it.
  if (!is(connecting | closing) && !waits_to_send()) return;
  look_at_unsent();
  const Nanoseconds now = engine().now();
  const Nanoseconds left = stall_->clock.left(now, std::abs(moved_at_));
  const bool discarding = is(closing) && !waits_to_send();
  if (is(connecting) || left <= 0 ||
      (discarding && stall_->clock.discards_too_long(now, limits().discard_timeout.count()))) {
    return fail(connection().error(ETIMEDOUT, stall_->clock.operation()));
  }
  stall_->timer.restart(std::chrono::nanoseconds(left));
}

// Counts it as progress if the peer has acknowledged (a unix peer: read) what the kernel had to
// send.
void StreamProgress::look_at_unsent() {
  if (stall().clock.look_at_unsent(connection().unsent_bytes())) moved_at_ = engine().now();
}

StreamProgress::Stall& StreamProgress::stall() {
  if (!stall_)
    stall_ = std::make_unique<Stall>(Stall{{engine().loop(), [this] { on_time(); }}, {}});
  return *stall_;
}

}  // namespace reactor
