#include "samples/http_responder/monitor.hpp"

#include <chrono>
#include <cstdio>
#include <memory>

#include "samples/http_responder/session.hpp"

namespace responder {

/// A response without an end.
class Monitor::Watching final : public Exchange {
 public:
  Watching(Monitor& monitor, Session& session)
      : monitor_(monitor), place_(monitor.watching_.insert(monitor.watching_.end(), &session)) {}
  ~Watching() override {
    monitor_.watching_.erase(place_);
    if (monitor_.watching_.empty()) monitor_.timer_.cancel();
  }

  void on_finish(Session& session) override { session.end_answer(); }

 private:
  Monitor& monitor_;
  std::list<Session*>::iterator place_;
};

Monitor::Monitor(reactor::Loop& loop, Figures& figures)
    : loop_(loop), figures_(figures), timer_(loop, [this] { tell(); }) {}

void Monitor::watch(Session& session) {
  session.begin_answer(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
  if (!session.sends_body()) return session.end_answer();
  if (watching_.empty()) {
    loop_.measure_iterations();
    requests_told_ = figures_.requests.load(std::memory_order_relaxed);
    told_at_ = loop_.now();
    timer_.restart_every(std::chrono::seconds(1));
  }
  session.start(std::make_unique<Watching>(*this, session));
  session.write_body(event());
}

void Monitor::tell() {
  const std::string text = event();
  requests_told_ = figures_.requests.load(std::memory_order_relaxed);
  told_at_ = loop_.now();
  for (Session* session : watching_) {
    session->write_body(text);
    session->flush();
  }
}

std::string Monitor::event() {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  const std::uint64_t requests = figures_.requests.load(std::memory_order_relaxed);
  const std::chrono::duration<double> passed = loop_.now() - told_at_;
  const double rate =
      passed.count() > 0 ? static_cast<double>(requests - requests_told_) / passed.count() : 0;
  const reactor::IterationStatistics& iterations = loop_.measure_iterations();
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::steady_clock::now() - figures_.started);
  char text[256];
  std::snprintf(text, sizeof text,
                "data: {\"uptime_s\":%lld,\"connections\":%lld,\"requests\":%llu,"
                "\"requests_per_second\":%.0f,\"lag_p99_ms\":%.3f,\"lag_longest_ms\":%.3f}\n\n",
                static_cast<long long>(uptime.count()),
                static_cast<long long>(figures_.connections.load(std::memory_order_relaxed)),
                static_cast<unsigned long long>(requests), rate,
                Milliseconds(iterations.percentile(0.99)).count(),
                Milliseconds(iterations.longest).count());
  return text;
}

}  // namespace responder
