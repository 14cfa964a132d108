// The measurements of a run, which begin with the first message or at the end of the warm-up.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

#include "bench/load/histogram.hpp"
#include "bench/load/options.hpp"

namespace bench {

/// Nanoseconds of CLOCK_MONOTONIC.
using Time = std::uint64_t;
Time time_now();
constexpr Time never = ~Time{0};
/// The time between opening two connections. Opening faster than a server accepts would overflow
/// its backlog, and a lost SYN costs a second.
inline constexpr Time opening_interval = 20'000;
inline Time nanoseconds(double seconds) { return static_cast<Time>(seconds * 1e9); }

/// The CPU time and waiting time of a process up to now.
struct Usage {
  std::uint64_t cpu = 0;           ///< Nanoseconds on a core, of all threads.
  std::uint64_t kept_waiting = 0;  ///< Nanoseconds the main thread was ready but had no core.
};

/// Reads a process's own CPU clock, which counts nanoseconds where /proc/PID/stat counts ticks.
/// Throws std::system_error when there is no such process.
Usage usage_of(pid_t pid);

/// Counters, latencies and the processes' clocks over the measured window.
class Meter {
 public:
  explicit Meter(const Options& options);

  /// Called when everything is connected and traffic starts.
  void begin(Time now);
  /// Moves on from warm-up to measuring, and from measuring to the end, when it is time.
  void tick(Time now);
  /// Ends the window early: all messages are answered, or all connections are lost.
  void finish(Time now);

  [[nodiscard]] bool begun() const { return begun_at_ != 0; }
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] Time next_change() const { return finished_ ? never : next_change_; }

  void answered(Time sent_at, Time now) {
    ++answers_;
    latencies_.record(now > sent_at ? now - sent_at : 0);
  }
  void lost(std::uint64_t messages) { lost_ += messages; }
  /// Counts a failed connection or a wrong answer; a run with errors fails.
  void error(const std::string& what) { ++errors_[what]; }

  [[nodiscard]] const Histogram& latencies() const { return latencies_; }
  [[nodiscard]] std::uint64_t answers() const { return answers_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& errors() const { return errors_; }
  [[nodiscard]] Time began_at() const { return measured_from_; }
  [[nodiscard]] double seconds() const {
    return static_cast<double>(measured_until_ - measured_from_) / 1e9;
  }
  [[nodiscard]] const Usage& own() const { return own_; }
  [[nodiscard]] const Usage& server() const { return server_; }

 private:
  void start_measuring(Time now);

  const Options& options_;
  Histogram latencies_;
  std::uint64_t answers_ = 0;
  std::uint64_t lost_ = 0;
  std::map<std::string, std::uint64_t> errors_;

  bool measuring_ = false;
  bool finished_ = false;
  Time begun_at_ = 0;
  Time next_change_ = never;
  Time measured_from_ = 0;
  Time measured_until_ = 0;
  Usage own_;  // While measuring: the usage before. Afterwards: the usage in the window.
  Usage server_;
};

}  // namespace bench
