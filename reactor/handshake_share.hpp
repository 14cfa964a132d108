// Limits how many steps of handshakes an iteration of the loop takes. Internal.
#pragma once

#include <memory>

#include "reactor/engine.hpp"
#include "reactor/handle.hpp"

namespace reactor::inline v0 {

/// What the streams of a loop share while they are in a handshake. A step of a handshake can take a
/// millisecond of the processor, so many in one iteration would delay the established connections.
class HandshakeShare {
 public:
  /// A few milliseconds.
  static constexpr unsigned most_steps = 4;

  [[nodiscard]] static std::shared_ptr<HandshakeShare> of(Engine& engine);

  explicit HandshakeShare(Engine& engine);

  /// Whether another step may be taken in this iteration. If not, the stream schedules itself.
  [[nodiscard]] bool take();

 private:
  struct Refill;

  Handle<Refill> refill_;
};

}  // namespace reactor
