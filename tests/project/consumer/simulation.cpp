// Sends a line from one simulated host to another.
#include <reactor/server.hpp>
#include <reactor/simulation/world.hpp>

#include <cstdio>

struct Session {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

int main() {
  using namespace std::chrono_literals;
  reactor::simulation::World world({.seed = 7});
  auto server = reactor::Server<Session>::listen(world.host("10.0.0.1").loop(), "10.0.0.1:7");
  if (!server) return 1;
  auto stream = reactor::Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7");
  stream.write("hello");
  std::size_t received = 0;
  stream.on_data([&](auto bytes) { received += bytes.size(); });
  const bool done = world.run_until([&] { return received == 5; }, 1h);
  std::puts(done ? "simulated" : "not received");
}
