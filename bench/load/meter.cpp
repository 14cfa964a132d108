#include "bench/load/meter.hpp"

#include <time.h>
#include <unistd.h>

#include <fstream>

namespace bench {

namespace {

std::uint64_t read_clock(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) fail("clock_gettime");
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

Usage operator-(const Usage& left, const Usage& right) {
  return {left.cpu - right.cpu, left.kept_waiting - right.kept_waiting};
}

}  // namespace

Time time_now() { return read_clock(CLOCK_MONOTONIC); }

Usage usage_of(pid_t pid) {
  Usage usage;
  clockid_t clock = 0;
  if (const int error = clock_getcpuclockid(pid, &clock); error != 0) {
    throw std::system_error(error, std::generic_category(), "process " + std::to_string(pid));
  }
  usage.cpu = read_clock(clock);
  std::ifstream schedstat("/proc/" + std::to_string(pid) + "/schedstat");
  std::uint64_t on_core = 0;
  schedstat >> on_core >> usage.kept_waiting;
  return usage;
}

Meter::Meter(const Options& options) : options_(options) {
  if (options.server_pid != 0)
    usage_of(options.server_pid);  // Fails now rather than during the run.
}

void Meter::begin(Time now) {
  begun_at_ = now;
  if (options_.messages > 0) {
    start_measuring(now);
    next_change_ = never;
  } else {
    next_change_ = now + nanoseconds(options_.warm_up);
  }
}

void Meter::start_measuring(Time now) {
  measuring_ = true;
  measured_from_ = now;
  next_change_ = now + nanoseconds(options_.seconds);
  latencies_.clear();
  answers_ = 0;
  lost_ = 0;
  own_ = usage_of(getpid());
  if (options_.server_pid != 0) server_ = usage_of(options_.server_pid);
}

void Meter::tick(Time now) {
  if (now < next_change_ || finished_) return;
  measuring_ ? finish(now) : start_measuring(now);
}

void Meter::finish(Time now) {
  if (finished_) return;
  finished_ = true;
  if (!measuring_) {
    measured_from_ = measured_until_ = now;
    return;
  }
  measured_until_ = now;
  own_ = usage_of(getpid()) - own_;
  if (options_.server_pid != 0) server_ = usage_of(options_.server_pid) - server_;
}

}  // namespace bench
