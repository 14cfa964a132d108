#include "bench/load/report.hpp"

#include <fmt/core.h>

namespace bench {

namespace {

constexpr double saturated_share = 0.95;

std::string duration(double nanoseconds) {
  if (nanoseconds < 1e3) return fmt::format("{:.0f} ns", nanoseconds);
  if (nanoseconds < 1e6) return fmt::format("{:.1f} µs", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return fmt::format("{:.2f} ms", nanoseconds / 1e6);
  return fmt::format("{:.2f} s", nanoseconds / 1e9);
}

std::string quantile(const Histogram& latencies, double share) {
  return duration(static_cast<double>(latencies.quantile(share)));
}

double share_of_core(const Usage& usage, const Meter& meter) {
  return meter.seconds() > 0 ? static_cast<double>(usage.cpu) / 1e9 / meter.seconds() : 0;
}

double rate(const Meter& meter) {
  return meter.seconds() > 0 ? static_cast<double>(meter.answers()) / meter.seconds() : 0;
}

double per_message(std::uint64_t amount, const Meter& meter) {
  return meter.answers() > 0 ? static_cast<double>(amount) / static_cast<double>(meter.answers())
                             : 0;
}

const char* name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::raw:
      return "raw";
    case Protocol::lines:
      return "lines";
    case Protocol::length_prefixed:
      return "length-prefixed";
    case Protocol::http:
      return "http";
    case Protocol::udp:
      return "udp";
    case Protocol::time:
      return "time";
  }
  return "";
}

std::string loop_of(const Options& options) {
  if (options.open_loop()) return fmt::format("open loop at {:.0f}/s", options.rate);
  if (options.churn) return "a new connection for each message";
  if (options.broadcast) return "each message to all";
  return fmt::format("{} in flight{}", options.pipeline, options.batch ? " in batches" : "");
}

std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      json += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      json += c;
    }
  }
  return json + '"';
}

const char* boolean(bool value) { return value ? "true" : "false"; }

}  // namespace

bool is_saturated(const Outcome& outcome) {
  const Usage& own = outcome.meter.own();
  return share_of_core({own.cpu + own.kept_waiting, 0}, outcome.meter) > saturated_share;
}

std::string text_report(const Outcome& outcome) {
  const auto& [options, meter, hostile] = outcome;
  std::string text =
      fmt::format("{} {}, {} connections, {} bytes, {}\n", name_of(options.protocol),
                  options.target, options.connections, options.size, loop_of(options));
  if (options.connections > 0) {
    const Histogram& latencies = meter.latencies();
    text += fmt::format("  messages  {:.0f} a second, {} in {:.2f} s, {} lost\n", rate(meter),
                        meter.answers(), meter.seconds(), meter.lost());
    text +=
        fmt::format("  latency   p50 {}   p99 {}   p99.9 {}   max {}\n", quantile(latencies, 0.5),
                    quantile(latencies, 0.99), quantile(latencies, 0.999), quantile(latencies, 1));
  }
  if (options.server_pid != 0) {
    text += fmt::format("  server    {} of CPU a message, {:.2f} of a core\n",
                        duration(per_message(meter.server().cpu, meter)),
                        share_of_core(meter.server(), meter));
  }
  text += fmt::format("  load      {:.2f} of its core{}\n", share_of_core(meter.own(), meter),
                      is_saturated(outcome)
                          ? ": saturated, so that the server may be able to do more than this"
                          : "");
  if (options.idle + options.slow_readers + options.one_byte + options.resets > 0) {
    text += fmt::format(
        "  hostile   {} idle held, {} bytes pushed at slow readers' cost and {} read, "
        "{} single bytes, {} resets; {} ended by the server, {} refused\n",
        hostile.held_open, hostile.bytes_taken, hostile.bytes_read, hostile.single_bytes,
        hostile.resets, hostile.closed_by_server, hostile.refused);
  }
  for (const auto& [what, count] : meter.errors()) {
    text += fmt::format("  error     {}, {} times\n", what, count);
  }
  return text;
}

std::string json_report(const Outcome& outcome) {
  const auto& [options, meter, hostile] = outcome;
  const Histogram& latencies = meter.latencies();
  std::string errors;
  for (const auto& [what, count] : meter.errors()) {
    errors += fmt::format("{}{}:{}", errors.empty() ? "" : ",", quoted(what), count);
  }
  std::string json = fmt::format(
      R"({{"target":{},"protocol":"{}","connections":{},"size":{},"pipeline":{},"batch":{},)"
      R"("churn":{},"broadcast":{},"rate":{},"seconds":{:.6f},"messages":{},"lost":{},"messages_per_second":{:.1f},)",
      quoted(options.target), name_of(options.protocol), options.connections, options.size,
      options.pipeline, boolean(options.batch), boolean(options.churn), boolean(options.broadcast),
      options.rate, meter.seconds(), meter.answers(), meter.lost(), rate(meter));
  json += fmt::format(
      R"("latency_ns":{{"p50":{},"p90":{},"p99":{},"p99.9":{},"max":{},"mean":{:.0f}}},)",
      latencies.quantile(0.5), latencies.quantile(0.9), latencies.quantile(0.99),
      latencies.quantile(0.999), latencies.max(), latencies.mean());
  if (options.server_pid != 0) {
    json +=
        fmt::format(R"("server":{{"cpu_ns":{},"cpu_ns_per_message":{:.2f},"share_of_core":{:.4f},)"
                    R"("kept_waiting_share":{:.4f}}},)",
                    meter.server().cpu, per_message(meter.server().cpu, meter),
                    share_of_core(meter.server(), meter),
                    meter.seconds() > 0
                        ? static_cast<double>(meter.server().kept_waiting) / 1e9 / meter.seconds()
                        : 0);
  }
  json += fmt::format(
      R"("load":{{"cpu_ns_per_message":{:.2f},"share_of_core":{:.4f},"saturated":{}}},)",
      per_message(meter.own().cpu, meter), share_of_core(meter.own(), meter),
      boolean(is_saturated(outcome)));
  json += fmt::format(
      R"("hostile":{{"held_open":{},"closed_by_server":{},"refused":{},"bytes_taken":{},)"
      R"("bytes_read":{},"single_bytes":{},"resets":{}}},)",
      hostile.held_open, hostile.closed_by_server, hostile.refused, hostile.bytes_taken,
      hostile.bytes_read, hostile.single_bytes, hostile.resets);
  return json + fmt::format(R"("errors":{{{}}}}})", errors) + '\n';
}

std::string progress_line(const Outcome& outcome, Time now, std::uint64_t answers_a_second) {
  const auto& [options, meter, hostile] = outcome;
  const Histogram& latencies = meter.latencies();
  const double elapsed = meter.began_at() == 0 || now < meter.began_at()
                             ? 0
                             : static_cast<double>(now - meter.began_at()) / 1e9;
  return fmt::format("{:6.1f} s  {:>9} messages/s  p50 {}  p99 {}  max {}", elapsed,
                     answers_a_second, quantile(latencies, 0.5), quantile(latencies, 0.99),
                     quantile(latencies, 1));
}

}  // namespace bench
