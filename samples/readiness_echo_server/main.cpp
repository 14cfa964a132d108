// An echo server that uses only readiness callbacks, recv and send.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "reactor/stop_signals.hpp"
#include "samples/readiness_echo_server/server.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

namespace {

// The number of descriptors limits the number of clients.
std::string memory_text() {
  constexpr std::uint64_t most_for_callbacks = 4096;
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  const std::uint64_t each = samples::Client::most_unsent_bytes + most_for_callbacks;
  return samples::memory_text(
      std::min(descriptors.rlim_cur, UINT64_MAX / each) * each,
      std::to_string(descriptors.rlim_cur) +
          " clients (ulimit -n), each with 64 KiB that is not sent back yet");
}

void serve(const std::string& endpoint, const std::string& style) {
  reactor::Loop loop;
  samples::ReadinessServer server(loop, endpoint, style);
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.drain(); }));
  samples::announce(server.address());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::string style = "epoll";
  samples::CommandLine command_line{
      "Sends back whatever a client sends, by readiness callbacks alone. SIGTERM ends it: what "
      "has\n"
      "arrived is sent back first, for 5 s at most. A client takes a descriptor (ulimit -n).\n"
      "Example: readiness_echo_server --style epoll-edge --listen 127.0.0.1:9000"};
  command_line.footer(memory_text());
  command_line.add_option("--style", style, "How to wait: select, poll, epoll or epoll-edge")
      .one_of({"select", "poll", "epoll", "epoll-edge"});
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  return samples::run_program(command_line, count, words, [&] { serve(endpoint, style); });
}
