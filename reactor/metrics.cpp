#include "reactor/metrics.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace reactor::inline v0 {
namespace {

double in_seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

// A label's value: three characters are escaped.
std::string escaped_label(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\' || c == '"') result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result;
}

class PrometheusText {
 public:
  template <class Value>
  void add(std::string_view name, std::string_view type, std::string_view help, Value value) {
    begin(name, type, help);
    line(name, value);
  }

  void begin(std::string_view name, std::string_view type, std::string_view help) {
    text_ +=
        fmt::format("# HELP uvreactor_{} {}\n# TYPE uvreactor_{} {}\n", name, help, name, type);
  }

  // `name` with its labels.
  template <class Value>
  void line(std::string_view name, Value value) {
    text_ += fmt::format("uvreactor_{} {}\n", name, value);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// The bounds are the powers of two from one microsecond to 8.4 seconds.
void add_histogram(PrometheusText& text, const IterationStatistics& iterations) {
  constexpr std::size_t last = 23;
  text.begin("iteration_seconds", "histogram",
             "How long iterations took, from the end of the wait on.");
  std::uint64_t sum = 0;
  for (std::size_t bucket = 0; bucket <= last; ++bucket) {
    sum += iterations.buckets[bucket];
    const double bound = in_seconds(std::chrono::microseconds(std::int64_t{1} << bucket));
    text.line(fmt::format("iteration_seconds_bucket{{le=\"{}\"}}", bound), sum);
  }
  text.line("iteration_seconds_bucket{le=\"+Inf\"}", iterations.iterations);
  text.line("iteration_seconds_sum", in_seconds(iterations.total));
  text.line("iteration_seconds_count", iterations.iterations);
}

}  // namespace

Metrics& Metrics::operator+=(const Metrics& other) {
  iterations += other.iterations;
  ready_events += other.ready_events;
  callbacks += other.callbacks;
  accepted += other.accepted;
  received_bytes += other.received_bytes;
  sent_bytes += other.sent_bytes;
  streams += other.streams;
  most_queued_bytes = std::max(most_queued_bytes, other.most_queued_bytes);
  for (const SlowCallback& slow : other.slowest) {
    add_callback(slow.longest, [&] { return slow.handle; });
  }
  return *this;
}

void Metrics::add_slow(std::string handle, std::chrono::nanoseconds took) {
  const auto same = std::find_if(slowest.begin(), slowest.end(),
                                 [&](const auto& each) { return each.handle == handle; });
  if (same != slowest.end() && same->longest >= took) return;
  if (same != slowest.end()) slowest.erase(same);
  const auto place = std::find_if(slowest.begin(), slowest.end(),
                                  [&](const auto& each) { return each.longest < took; });
  slowest.insert(place, {std::move(handle), took});
  if (slowest.size() > most_slow_callbacks) slowest.pop_back();
}

std::string prometheus_text(const Metrics& metrics) {
  PrometheusText text;
  add_histogram(text, metrics.iterations);
  text.add("ready_events_total", "counter", "Events that the kernel has reported.",
           metrics.ready_events);
  text.add("callbacks_total", "counter", "Callbacks and posted tasks.", metrics.callbacks);
  text.add("accepted_connections_total", "counter", "Connections that were accepted.",
           metrics.accepted);
  text.add("received_bytes_total", "counter", "Bytes that sockets have received.",
           metrics.received_bytes);
  text.add("sent_bytes_total", "counter", "Bytes that sockets have sent.", metrics.sent_bytes);
  text.add("streams", "gauge", "Streams that exist.", metrics.streams);
  text.add("most_queued_bytes", "gauge", "The most that one stream has had queued.",
           metrics.most_queued_bytes);
  if (metrics.slowest.empty()) return text.take();
  text.begin("slowest_callback_seconds", "gauge", "The longest callback of a handle.");
  for (const SlowCallback& slow : metrics.slowest) {
    text.line(fmt::format("slowest_callback_seconds{{handle=\"{}\"}}", escaped_label(slow.handle)),
              in_seconds(slow.longest));
  }
  return text.take();
}

}  // namespace reactor
