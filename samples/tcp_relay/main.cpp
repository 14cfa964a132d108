// Forwards connections to another server, in both directions, as fast as the slower side reads.
#include <chrono>
#include <cmath>
#include <string>

#include "reactor/resolver.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/tls.hpp"
#include "samples/tcp_relay/relay_server.hpp"

int main(int count, char** words) {
  std::string from = "127.0.0.1:9000";
  std::string to;
  double idle_seconds = 600;
  samples::ServerTls server_tls;
  tcp_relay::Tls tls;
  samples::CommandLine command_line{
      "Forwards each connection to another server.\n"
      "Example: tcp_relay --listen 127.0.0.1:9000 --to 127.0.0.1:8080"};
  command_line.footer(
      samples::memory_text(tcp_relay::most_bytes(),
                           std::to_string(tcp_relay::most_connections()) +
                               " connections, each with 768 KiB that waits in either direction"));
  command_line.add_option("--listen", from, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--to", to, "HOST:PORT, [::1]:PORT or unix:PATH to forward to")
      .required();
  command_line
      .add_option("--idle-timeout", idle_seconds,
                  "Seconds without a byte in either direction after which both sides are reset; "
                  "0: never")
      .within(0.0, 1e9);
  server_tls.add_options(command_line);
  tls.to_server.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    tls.of_clients = server_tls.context();
    tls.to_server.load();
    tls.server_endpoint = to;
    reactor::Loop loop;
    tcp_relay::RelayServer server(loop, from, samples::value_of(reactor::resolve_now(to)),
                                  std::chrono::milliseconds(std::llround(idle_seconds * 1000)),
                                  tls);
    const auto reload = samples::reload_on_hangup(loop, tls.of_clients);
    const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.stop(); }));
    samples::announce(server.address());
    loop.run();
  });
}
