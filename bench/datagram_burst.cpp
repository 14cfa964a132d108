// Sends and receives bursts of datagrams by the library, to compare with sendmmsg and recvmmsg.
#include <string>

#include "bench/peers/burst.hpp"
#include "reactor/datagram.hpp"

namespace {

using namespace reactor;

template <class T>
T checked(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

void run(const bench::BurstOptions& options) {
  auto in = checked(Socket::open(Family::ipv4, SocketType::datagram));
  if (!in.bind(checked(Address::parse("127.0.0.1:0")))) throw std::runtime_error("bind");
  const Address target = checked(in.local_address());

  bench::run_burst(
      options,
      [&](bench::Burst& burst) {
        Loop loop;
        auto socket = checked(DatagramSocket::connect(loop, target));
        const std::string text(options.size, 'x');
        while (!burst.over) {
          loop.post([&] {
            for (int i = 0; i < 64; ++i) socket.send(text);
          });
          loop.poll();
        }
        burst.sent = socket.counters().sent;
      },
      [&](bench::Burst& burst) {
        Loop loop;
        auto socket = checked(DatagramSocket::adopt(loop, std::move(in)));
        socket.on_received([&](std::span<const Datagram>) {
          if (burst.over) loop.stop();
        });
        loop.run();
        burst.received = socket.counters().received;
      },
      [&] {
        Loop loop;
        checked(DatagramSocket::connect(loop, target)).send("");
      });
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer([&] { run(bench::parse_burst_options(argc, argv)); });
}
