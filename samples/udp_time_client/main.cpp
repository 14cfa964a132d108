// Requests the time from a server: once, or at an interval.
#include "samples/support/program.hpp"
#include "samples/udp_time_client/time_client.hpp"

int main(int count, char** words) {
  time_client::Options options;
  int status = 0;
  samples::CommandLine command_line{
      "Requests the time from a server and prints it. A Kiss-o'-Death of an SNTP server is\n"
      "obeyed: RATE doubles the interval, five in a row end the program, as do DENY and RSTR.\n"
      "Example: udp_time_client 127.0.0.1:9001 '%A %H:%M'"};
  command_line.add_option("endpoint", options.endpoint, "HOST:PORT or [::1]:PORT").required();
  const auto format =
      command_line.add_option("format", options.format, "A format of strftime [%Y-%m-%d %X]");
  command_line
      .add_option("--interval", options.interval_seconds,
                  "Seconds between requests [1 with --count]")
      .within(0.001, 1e6);
  command_line
      .add_option("--count", options.count, "Requests to send [1; without end with --interval]")
      .within(1U, 4'000'000'000U);
  command_line.add_option("--timeout", options.timeout_seconds, "Seconds to wait for a response")
      .within(0.001, 1e6);
  const auto timestamp = command_line.add_flag("--send-timestamp", options.send_timestamp,
                                               "Send the time of this host; the server formats it");
  const auto sntp =
      command_line.add_flag("--sntp", options.sntp, "Measure by SNTP how far the clocks are apart");
  const auto time = command_line.add_flag("--time", options.time, "Use TIME (RFC 868)");
  const auto daytime = command_line.add_flag("--daytime", options.daytime, "Use DAYTIME (RFC 867)");
  command_line.add_flag("--tcp", options.tcp, "On a connection; with --time or --daytime")
      .excludes(format)
      .excludes(timestamp)
      .excludes(sntp);
  for (auto one : {timestamp, sntp, time, daytime}) {
    for (const auto other : {format, timestamp, sntp, time, daytime}) {
      if (one != other) one.excludes(other);
    }
  }
  command_line.check([&] {
    const bool lacks_protocol = options.tcp && !options.time && !options.daytime;
    return lacks_protocol ? "--tcp: --time or --daytime is required" : "";
  });
  const int parsed =
      samples::run_program(command_line, count, words, [&] { status = time_client::run(options); });
  return parsed != 0 ? parsed : status;
}
