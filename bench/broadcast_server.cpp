// A server on the library that sends the input of each connection to all connections, for
// `./dev bench broadcast`.
#include <csignal>
#include <functional>
#include <span>

#include "bench/peers/peer.hpp"
#include "reactor/server.hpp"
#include "reactor/signal.hpp"

namespace {

using Bytes = std::span<const std::byte>;

struct Session {
  reactor::Stream& stream;
  const std::function<void(Bytes)>& send_to_all;
  void on_data(Bytes bytes) { send_to_all(bytes); }
};

void serve(const bench::PeerOptions& options) {
  reactor::Loop loop;
  std::function<void(Bytes)> send_to_all;
  auto server = reactor::Server<Session>::listen(loop, options.listen, {},
                                                 [&send_to_all](reactor::Stream& stream) {
                                                   return Session{stream, send_to_all};
                                                 });
  if (!server) throw std::runtime_error(server.error().message());
  send_to_all = [&server](Bytes bytes) {
    server->for_each([bytes](Session& session) { session.stream.write(bytes); });
  };
  std::printf("listening on %s\n", server->address().to_string().c_str());
  std::fflush(stdout);
  const auto end = reactor::Signal::create(loop, SIGTERM, [&loop] { loop.stop(); });
  loop.run();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer([&] { serve(bench::parse_peer_options(argc, argv)); });
}
