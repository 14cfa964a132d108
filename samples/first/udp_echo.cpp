// Sends back each datagram that it receives: `nc -u 127.0.0.1 9002`.
#include <reactor/udp_server.hpp>

#include <cstdio>

struct Echo {
  reactor::UdpPeer& peer;
  void on_datagram(const reactor::Datagram& datagram) { peer.send(datagram.bytes); }
};

int main() {
  reactor::Loop loop;
  auto server = reactor::UdpServer<Echo>::bind(loop, "127.0.0.1:9002");
  if (!server) return std::fprintf(stderr, "error: %s\n", server.error().message().c_str()), 1;
  loop.run();
}
