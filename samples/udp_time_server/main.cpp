// Serves the time: as text in the client's format, by SNTP, and by TIME and DAYTIME.
#include <list>
#include <string>

#include "reactor/stop_signals.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/udp_time_server/services.hpp"

namespace {

struct Options {
  std::string text = "127.0.0.1:9001";
  std::string sntp;
  std::string time;
  std::string daytime;
  int stratum = 10;
};

void serve(const Options& options) {
  reactor::Loop loop;
  samples::TextService text(loop, options.text);

  std::optional<samples::SntpService> sntp;
  if (!options.sntp.empty()) {
    sntp.emplace(loop, options.sntp, static_cast<std::uint8_t>(options.stratum));
  }
  std::list<samples::FixedService> fixed;
  for (const auto& [endpoint, answer] : {std::pair(options.time, &samples::time_answer),
                                         std::pair(options.daytime, &samples::daytime_answer)}) {
    if (!endpoint.empty()) fixed.emplace_back(loop, endpoint, answer);
  }

  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] {
    text.drain();
    if (sntp) sntp->drain();
    for (samples::FixedService& service : fixed) service.drain();
  }));
  samples::announce(text.address());
  if (sntp) samples::announce(sntp->address());
  for (const samples::FixedService& service : fixed) samples::announce(service.address());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  Options options;
  samples::CommandLine command_line{
      "Replies to a datagram that holds a strftime format with the time; an empty one means\n"
      "'%Y-%m-%d %X'. A decimal number (1536197188 or 1536197188.25) is a Unix timestamp and "
      "is\nformatted as '%Y-%m-%d %X'. TZ is honoured.\n"
      "Example: udp_time_server --listen 127.0.0.1:9001 --sntp 127.0.0.1:9123"};
  command_line.footer(
      samples::memory_text(samples::most_bytes(),
                           "10000 senders of formats, 10000 connections for TIME and as many for "
                           "DAYTIME, and 1 MiB of\nreplies that wait for each of the four"));
  command_line.add_option("--listen", options.text, "HOST:PORT or [::1]:PORT; port 0: any");
  command_line.add_option("--sntp", options.sntp, "Where to serve SNTP (RFC 5905)");
  command_line.add_option("--time", options.time, "Where to serve TIME (RFC 868), UDP and TCP");
  command_line.add_option("--daytime", options.daytime,
                          "Where to serve DAYTIME (RFC 867), UDP and TCP");
  command_line
      .add_option("--stratum", options.stratum,
                  "How far SNTP says to be from a reference clock; 16: not synchronised")
      .within(1, 16);
  return samples::run_program(command_line, count, words, [&] { serve(options); });
}
