#include "samples/http_responder/monitor.hpp"

#include <chrono>
#include <cstdio>
#include <utility>

namespace responder {

Monitor::Monitor(reactor::Loop& loop, Figures& figures)
    : loop_(loop), figures_(figures), timer_(loop, [this] { send(); }) {}

void Monitor::watch(web::Response response) {
  figures_.requests.fetch_add(1, std::memory_order_relaxed);
  web::EventStream events(std::move(response));
  if (!events.response().is_open()) return;
  if (watching_.empty()) {
    loop_.measure_iterations();
    requests_before_ = figures_.requests.load(std::memory_order_relaxed);
    sent_at_ = loop_.now();
    timer_.restart_every(std::chrono::seconds(1));
  }
  events.send(event());
  watching_.push_back(std::move(events));
}

void Monitor::send() {
  const std::string text = event();
  requests_before_ = figures_.requests.load(std::memory_order_relaxed);
  sent_at_ = loop_.now();
  std::erase_if(watching_, [&](web::EventStream& events) {
    events.send(text);
    return !events.response().is_open();
  });
  if (watching_.empty()) timer_.cancel();
}

std::string Monitor::event() {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  const std::uint64_t requests = figures_.requests.load(std::memory_order_relaxed);
  const std::chrono::duration<double> passed = loop_.now() - sent_at_;
  const double rate =
      passed.count() > 0 ? static_cast<double>(requests - requests_before_) / passed.count() : 0;
  const reactor::IterationStatistics& iterations = loop_.measure_iterations();
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::steady_clock::now() - figures_.started);
  char text[256];
  std::snprintf(text, sizeof text,
                "{\"uptime_s\":%lld,\"connections\":%zu,\"requests\":%llu,"
                "\"requests_per_second\":%.0f,\"lag_p99_ms\":%.3f,\"lag_longest_ms\":%.3f}",
                static_cast<long long>(uptime.count()), figures_.connections(),
                static_cast<unsigned long long>(requests), rate,
                Milliseconds(iterations.percentile(0.99)).count(),
                Milliseconds(iterations.longest).count());
  return text;
}

}  // namespace responder
