#include "samples/service_echo_server/service.hpp"

#include <chrono>
#include <list>
#include <optional>

#include "reactor/hand_over.hpp"
#include "reactor/server.hpp"
#include "reactor/service_manager.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/support/program.hpp"

namespace {

using Server = reactor::Server<Echo>;

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

}  // namespace

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
