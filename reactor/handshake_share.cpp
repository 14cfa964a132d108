#include "reactor/handshake_share.hpp"

namespace reactor::inline v0 {

// Scheduled before the streams that wait, so the next iteration calls it before them.
struct HandshakeShare::Refill final : Source {
  explicit Refill(Engine& engine) : Source(engine, Kind::stream) {}

  void on_ready(unsigned) override {}
  void on_iteration() override { left = most_steps; }
  void unregister() noexcept override {}

  unsigned left = most_steps;
};

std::shared_ptr<HandshakeShare> HandshakeShare::of(Engine& engine) {
  auto share = engine.handshake_share.lock();
  if (!share) {
    share = std::make_shared<HandshakeShare>(engine);
    engine.handshake_share = share;
  }
  return share;
}

HandshakeShare::HandshakeShare(Engine& engine) : refill_(new Refill(engine)) {}

bool HandshakeShare::take() {
  if (refill_->left == most_steps) refill_->engine().schedule(*refill_);
  if (refill_->left == 0) return false;
  --refill_->left;
  return true;
}

}  // namespace reactor
