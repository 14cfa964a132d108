// The library's echo server by coroutines, for the benchmarks: as echo_server.cpp by callbacks.
// With `--framing length-prefixed` it awaits whole messages.
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/peers/peer.hpp"
#include "protocols/length_prefixed.hpp"
#include "reactor/coroutine.hpp"
#include "reactor/signal.hpp"

namespace {

using reactor::Connection;
using reactor::Task;

Task<> echo(Connection connection) {
  for (;;) {
    const auto bytes = co_await connection.read();
    if (!bytes || bytes->empty()) co_return;
    co_await connection.write(*bytes);
  }
}

Task<> echo_frames(Connection connection) {
  static std::vector<std::byte> out;  // Shared by all connections.
  reactor::Frames<protocols::LengthPrefixedDecoder> frames(connection);
  while (const auto payload = co_await frames.next()) {
    out.clear();
    if (protocols::append_length_prefixed(out, *payload)) co_await connection.write(out);
  }
}

void check(const auto& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

void serve(const bench::PeerOptions& options) {
  reactor::Loop loop;
  const auto server =
      reactor::serve(loop, options.listen, {}, options.framing.empty() ? echo : echo_frames);
  check(server);
  std::printf("listening on %s\n", server->address().to_string().c_str());
  std::fflush(stdout);
  const auto end = reactor::Signal::create(loop, SIGTERM, [&loop] { loop.stop(); });
  check(end);
  loop.run();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer([&] { serve(bench::parse_peer_options(argc, argv)); });
}
