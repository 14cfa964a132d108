// Measures how long nothing moves on a stream, and limits that time. Internal.
#pragma once

#include <memory>

#include "reactor/duration.hpp"
#include "reactor/stall_clock.hpp"
#include "reactor/stream_input.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {

/// Measures the time without progress, and ends the connection when an operation has made none for
/// too long.
class StreamProgress : public StreamInput {
 public:
  using Nanoseconds = Engine::Nanoseconds;

  // ---- For the user of the stream

  void set_limits(const SharedLimits& limits);
  void touch() { moved_at_ = engine().iteration_time(); }
  [[nodiscard]] bool has_progressed() const { return moved_at_ >= 0; }
  [[nodiscard]] Nanoseconds quiet_for();

 protected:
  StreamProgress(Engine& engine, Socket socket, const Address& peer);

  /// Ends the connection once `operation` has made no progress for `most`.
  void limit_time(Duration most, const char* operation);
  void end_time_limit();

  /// Output waits for the peer, which has StreamLimits::stall_timeout to take some of it.
  void limit_stall();

 private:
  struct Stall {
    Timer timer;  // Runs while connecting, while output waits, and while closing.
    StallClock clock;
  };

  Stall& stall();
  void look_at_unsent();
  void on_time();

  std::unique_ptr<Stall> stall_;  // Most streams do not need it.
};

}  // namespace reactor
