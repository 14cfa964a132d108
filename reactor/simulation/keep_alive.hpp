// When a simulated TCP socket probes a silent peer, as Linux does. Internal.
#pragma once

#include <algorithm>

#include "reactor/simulation/events.hpp"
#include "reactor/simulation/socket.hpp"
#include "reactor/socket_option.hpp"

namespace reactor::inline v0::simulation {

class KeepAlive {
 public:
  using Nanoseconds = Events::Nanoseconds;
  enum class Due : unsigned char { nothing, probe, failure };

  [[nodiscard]] static bool concerns(int level, int number) {
    return is(option::keep_alive, level, number) || is(option::keep_alive_idle, level, number) ||
           is(option::keep_alive_interval, level, number) ||
           is(option::keep_alive_count, level, number);
  }

  /// A packet of the peer has arrived.
  void heard(Nanoseconds now) {
    heard_at_ = now;
    unanswered_ = 0;
  }

  /// When to look first.
  [[nodiscard]] Nanoseconds begin(const Socket& socket) const { return heard_at_ + idle(socket); }

  /// What is due now; `next` becomes the time of the next look. Data that waits for an
  /// acknowledgement is a probe by itself.
  [[nodiscard]] Due look(const Socket& socket, bool data_waits, Nanoseconds now,
                         Nanoseconds& next) {
    const Nanoseconds silence = now - heard_at_;
    if (data_waits || silence < idle(socket)) {
      next = now + (data_waits ? idle(socket) : idle(socket) - silence);
      return Due::nothing;
    }
    const int user_timeout = value(socket, option::user_timeout, 0);
    const bool has_failed =
        user_timeout > 0 ? unanswered_ > 0 && silence >= Nanoseconds{user_timeout} * 1'000'000
                         : unanswered_ >= value(socket, option::keep_alive_count, 9);
    if (has_failed) return Due::failure;
    ++unanswered_;
    next = now + value(socket, option::keep_alive_interval, 75) * second;
    return Due::probe;
  }

 private:
  static constexpr Nanoseconds second = 1'000'000'000;

  template <class T>
  [[nodiscard]] static bool is(const SocketOption<T>& option, int level, int number) {
    return option.level == level && option.number == number;
  }
  template <class T>
  [[nodiscard]] static int value(const Socket& socket, const SocketOption<T>& option, int preset) {
    const int set = socket.int_option(option.level, option.number);
    return set > 0 ? set : preset;
  }
  [[nodiscard]] static Nanoseconds idle(const Socket& socket) {
    return value(socket, option::keep_alive_idle, 7200) * second;
  }

  Nanoseconds heard_at_ = 0;
  int unanswered_ = 0;
};

}  // namespace reactor::simulation
