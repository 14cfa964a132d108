// Sends back what it receives: `nc 127.0.0.1 9000`.
#include <reactor/server.hpp>

#include <cstdio>

struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

int main() {
  reactor::Loop loop;
  auto server = reactor::Server<Echo>::listen(loop, "127.0.0.1:9000");
  if (!server) return std::fprintf(stderr, "error: %s\n", server.error().message().c_str()), 1;
  loop.run();
}
