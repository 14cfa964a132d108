// An echo server as a service: it serves on the sockets of its service manager, and reports to it.
// With --hand-over the next one that is started replaces it, and no client notices.
#include "samples/service_echo_server/service.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

int main(int count, char** words) {
  Options options;
  samples::CommandLine command_line{
      "An echo server as a service: it serves on the sockets that the service manager passes, and\n"
      "reports to it when it serves, when it ends, and, for the watchdog, that it is alive.\n"
      "With --hand-over it takes over the sockets of the server that was started before it with\n"
      "the same PATH. That one serves its open connections until they end.\n"
      "Example: systemd-socket-activate --listen 9000 service_echo_server"};
  command_line.footer(samples::memory_text(reactor::ServerOptions(), sizeof(Echo)));
  command_line.add_option("--listen", options.endpoint,
                          "Without a socket of the service manager: HOST:PORT, [::1]:PORT or "
                          "unix:PATH; port 0: any");
  const auto with_hand_over = command_line.add_option(
      "--hand-over", options.hand_over, "The unix socket by which one process replaces another");
  command_line
      .add_option("--drain-seconds", options.drain_seconds,
                  "How long open connections may continue once another process has taken over")
      .within(0, 86'400)
      .needs(with_hand_over);
  return samples::run_program(command_line, count, words, [&] { serve(options); });
}
