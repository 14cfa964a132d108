// An echo server as a service: it serves on the sockets of its service manager, and reports to it.
// With --hand-over the next one that is started replaces it, and no client notices.
#include <chrono>
#include <list>
#include <optional>
#include <string>

#include "reactor/hand_over.hpp"
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

struct Options {
  std::string endpoint = "127.0.0.1:9000";
  std::string hand_over;
  int drain_seconds = 30;
};

Server adopt(reactor::Loop& loop, reactor::Socket socket) {
  return samples::value_of(Server::adopt(loop, std::move(socket), {},
                                         [](reactor::Stream& stream) { return Echo{stream}; }));
}

std::list<Server> serve_on(reactor::Loop& loop, const std::string& endpoint) {
  std::list<Server> servers;
  for (reactor::PassedSocket& passed : samples::value_of(reactor::take_passed_sockets())) {
    servers.push_back(adopt(loop, std::move(passed.socket)));
  }
  if (servers.empty()) servers.push_back(samples::value_of(Server::listen(loop, endpoint)));
  return servers;
}

std::list<Server> serve_on(reactor::Loop& loop, reactor::HandOver& hand_over,
                           const std::string& endpoint) {
  std::list<Server> servers;
  while (reactor::Socket passed = hand_over.take("echo")) {
    servers.push_back(adopt(loop, std::move(passed)));
  }
  return servers.empty() ? serve_on(loop, endpoint) : std::move(servers);
}

void serve(const Options& options) {
  reactor::Loop loop;
  std::optional<reactor::HandOver> hand_over;
  if (!options.hand_over.empty()) {
    hand_over = samples::value_of(reactor::HandOver::join(loop, "unix:" + options.hand_over));
  }
  auto servers =
      hand_over ? serve_on(loop, *hand_over, options.endpoint) : serve_on(loop, options.endpoint);
  auto manager = samples::value_of(reactor::ServiceManager::connect(loop));
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] {
    (void)manager.stopping("waiting for the connections to end");
    for (Server& server : servers) server.drain();
  }));
  if (hand_over) {
    const auto offer = [&] {
      reactor::OfferedSockets echo{"echo", {}};
      for (const Server& server : servers) {
        for (const int fd : server.descriptors()) echo.descriptors.push_back(fd);
      }
      return reactor::HandOver::Offer{std::move(echo)};
    };
    samples::check(hand_over->ready(offer, [&] {
      for (Server& server : servers) {
        server.hand_over(std::chrono::seconds(options.drain_seconds));
      }
    }));
  }
  for (const Server& server : servers) samples::announce(server.address());
  (void)manager.ready("serving on " + servers.front().address().to_string());
  loop.run();
}

}  // namespace

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
