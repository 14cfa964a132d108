// Figures of running loops, and their text for Prometheus.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reactor/iteration_statistics.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// The longest callback of one handle, which is named as set_name() or its kind describes it.
struct SlowCallback {
  std::string handle;
  std::chrono::nanoseconds longest{0};
};

/// What a loop has done since Loop::measure().
///
///     loop.measure();
///     …
///     response.send(200, reactor::prometheus_text(loop.metrics()));
///
/// The sum of several loops is that of a pool: LoopPool::collect_metrics().
struct Metrics {
  static constexpr std::size_t most_slow_callbacks = 16;

  IterationStatistics iterations;    ///< How long they took, which is the delay of all others.
  std::uint64_t ready_events = 0;    ///< That the kernel has reported.
  std::uint64_t callbacks = 0;       ///< And posted tasks.
  std::uint64_t accepted = 0;        ///< Connections.
  std::uint64_t received_bytes = 0;  ///< From streams and datagram sockets; with TLS, encrypted.
  std::uint64_t sent_bytes = 0;
  std::size_t streams = 0;  ///< That exist now.
  /// The most that one stream has had queued, since the loop was made.
  std::size_t most_queued_bytes = 0;
  /// Of different handles, the slowest first. Callbacks of less than 50 µs are left out.
  std::vector<SlowCallback> slowest;

  Metrics& operator+=(const Metrics& other);

  /// A callback took this long. `describe()` returns the name of its handle.
  template <class Describe>
  void add_callback(std::chrono::nanoseconds took, Describe describe) {
    if (took >= std::chrono::microseconds(50) && is_among_slowest(took)) add_slow(describe(), took);
  }

 private:
  [[nodiscard]] bool is_among_slowest(std::chrono::nanoseconds took) const {
    return slowest.size() < most_slow_callbacks || took > slowest.back().longest;
  }
  void add_slow(std::string handle, std::chrono::nanoseconds took);
};

/// The text that Prometheus reads (text-based exposition format, version 0.0.4; its media type is
/// `text/plain; version=0.0.4`). Each name begins with `uvreactor_`.
[[nodiscard]] std::string prometheus_text(const Metrics& metrics);

}  // namespace reactor
#pragma GCC visibility pop
