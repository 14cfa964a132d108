// An echo server as a service: it serves on the sockets of its service manager, and reports to it.
#include <list>
#include <string>

#include "reactor/server.hpp"
#include "reactor/service_manager.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

namespace {

struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

using Server = reactor::Server<Echo>;

std::list<Server> serve_on(reactor::Loop& loop, const std::string& endpoint) {
  std::list<Server> servers;
  for (reactor::PassedSocket& passed : samples::value_of(reactor::take_passed_sockets())) {
    servers.push_back(samples::value_of(Server::adopt(
        loop, std::move(passed.socket), {}, [](reactor::Stream& stream) { return Echo{stream}; })));
  }
  if (servers.empty()) servers.push_back(samples::value_of(Server::listen(loop, endpoint)));
  return servers;
}

void serve(const std::string& endpoint) {
  reactor::Loop loop;
  auto servers = serve_on(loop, endpoint);
  auto manager = samples::value_of(reactor::ServiceManager::connect(loop));
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] {
    (void)manager.stopping("waiting for the connections to end");
    for (Server& server : servers) server.drain();
  }));
  for (const Server& server : servers) samples::announce(server.address());
  (void)manager.ready("serving on " + servers.front().address().to_string());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  samples::CommandLine command_line{
      "An echo server as a service: it serves on the sockets that the service manager passes, and\n"
      "reports to it when it serves, when it ends, and, for the watchdog, that it is alive.\n"
      "Example: systemd-socket-activate --listen 9000 service_echo_server"};
  command_line.footer(samples::memory_text(reactor::ServerOptions(), sizeof(Echo)));
  command_line.add_option("--listen", endpoint,
                          "Without a socket of the service manager: HOST:PORT, [::1]:PORT or "
                          "unix:PATH; port 0: any");
  return samples::run_program(command_line, count, words, [&] { serve(endpoint); });
}
