// The interface between the main loop and each kind of load.
#pragma once

#include "bench/load/meter.hpp"

namespace bench {

class Client {
 public:
  virtual ~Client() = default;

  /// Does what is due at `now`: opens connections, sends messages that are due.
  virtual void on_time(Time now) = 0;
  /// The next time at which on_time has work.
  [[nodiscard]] virtual Time next_time() const = 0;
};

/// The times at which an open loop sends: message `i` of all is due at start + i / rate.
class Schedule {
 public:
  Schedule(double rate, Time start) : interval_(1e9 / rate), start_(start) {}

  [[nodiscard]] Time due(std::uint64_t message) const {
    return start_ + static_cast<Time>(interval_ * static_cast<double>(message));
  }

 private:
  double interval_;
  Time start_;
};

}  // namespace bench
