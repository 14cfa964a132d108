// Sends ICMP echo requests to a host, on a raw socket.
#include <cstdint>

#include "samples/ping/pinger.hpp"
#include "samples/support/program.hpp"

int main(int count, char** words) {
  ping::Options options;
  bool has_reply = true;
  samples::CommandLine command_line{
      "Sends ICMP echo requests to a host and prints how long each reply takes, until --count\n"
      "or Ctrl-C. Needs CAP_NET_RAW, or a group in net.ipv4.ping_group_range. Exit code 1 if\n"
      "there was no reply.\n"
      "Example: ping localhost --count 3"};
  command_line.add_option("host", options.host, "A name, an IPv4 or an IPv6 address").required();
  command_line.add_option("-c,--count", options.count, "Requests to send [without end]")
      .within(std::uint64_t{1}, std::uint64_t{1} << 62);
  command_line.add_option("-i,--interval", options.interval_seconds, "Seconds between requests")
      .within(0.001, 1e6);
  command_line.add_option("-W,--timeout", options.timeout_seconds, "Seconds to wait for each reply")
      .within(0.001, 600.0);
  const auto ipv4 = command_line.add_flag("-4", options.ipv4, "The host's IPv4 address");
  command_line.add_flag("-6", options.ipv6, "The host's IPv6 address").excludes(ipv4);
  command_line.add_flag("--unprivileged", options.unprivileged,
                        "Use the kernel's ping socket even if a raw one may be opened");
  const int status =
      samples::run_program(command_line, count, words, [&] { has_reply = ping::run(options); });
  return status != 0 ? status : (has_reply ? 0 : 1);
}
