// Sends load to a server and reports the results: `load --help`.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>

#include "bench/load/datagram_client.hpp"
#include "bench/load/hostile.hpp"
#include "bench/load/report.hpp"
#include "bench/load/stream_client.hpp"

namespace {

using namespace bench;

volatile sig_atomic_t interrupted = 0;

void end_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// A line on a terminal that is rewritten twice a second.
class Progress {
 public:
  explicit Progress(const Outcome& outcome)
      : outcome_(outcome), next_(isatty(STDERR_FILENO) ? time_now() : never) {}

  [[nodiscard]] Time next_time() const { return next_; }

  void tick(Time now) {
    if (now < next_) return;
    const std::uint64_t answers = outcome_.meter.answers();
    const std::uint64_t more = answers >= shown_ ? answers - shown_ : answers;
    std::fprintf(stderr, "\r\x1b[K%s", progress_line(outcome_, now, more * 2).c_str());
    shown_ = answers;
    next_ = now + interval;
  }
  void end() const {
    if (next_ != never) std::fputs("\r\x1b[K", stderr);
  }

 private:
  static constexpr Time interval = 500'000'000;
  const Outcome& outcome_;
  Time next_;
  std::uint64_t shown_ = 0;
};

void hold(const Options& options, std::size_t connections, Hostile& hostile) {
  std::printf("holding %zu connections\n", connections);
  std::fflush(stdout);
  const Time until = time_now() + nanoseconds(options.hold);
  Poller nothing;
  while (!interrupted && time_now() < until) nothing.wait_until(until, time_now());
  hostile.look_at_idle();
}

int run(const Options& options) {
  const Traffic traffic(options);
  Poller poller;
  Meter meter(options);
  Hostile hostile(options, traffic);
  std::unique_ptr<Client> client;
  if (options.datagrams()) {
    client = std::make_unique<DatagramClient>(options, traffic, poller, meter);
  } else {
    client = std::make_unique<StreamClient>(options, traffic, poller, meter);
  }
  const Outcome outcome{options, meter, hostile.counts()};
  Progress progress(outcome);

  while (!meter.finished()) {
    const Time now = time_now();
    if (interrupted) meter.finish(now);
    meter.tick(now);
    client->on_time(now);
    hostile.on_time(now);
    progress.tick(now);
    if (meter.finished()) break;
    poller.wait_until(std::min({meter.next_change(), client->next_time(), hostile.next_time(),
                                progress.next_time()}),
                      now);
  }
  progress.end();
  if (options.hold > 0) hold(options, options.connections + options.idle, hostile);
  hostile.look_at_idle();

  std::fputs((options.json ? json_report(outcome) : text_report(outcome)).c_str(), stdout);
  return meter.errors().empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  // Waits end at the requested time, not up to 50 µs later.
  prctl(PR_SET_TIMERSLACK, 1);
  end_on_signals();
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
