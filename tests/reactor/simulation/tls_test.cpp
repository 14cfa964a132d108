// TLS in a simulated world: packets have the same times and sizes for a seed, though not bytes.
#include "support/tls.hpp"

#include <doctest/doctest.h>

#include <string>

#include "reactor/server.hpp"
#include "reactor/simulation/world.hpp"

using namespace std::chrono_literals;
using reactor::Stream;
using reactor::simulation::World;

namespace {

struct SecureEcho {
  Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

std::string trace_of_tls(const TlsSite& site) {
  World world({.seed = 7});
  world.link({.latency = {1ms, 40ms}, .loss = 0.02, .cut = reactor::simulation::Cut::anywhere});
  world.faults({.short_counts = 0.1, .again = 0.1, .interrupted = 0.1, .spurious = 0.1});
  reactor::ServerOptions options;
  options.tls = site.server();
  auto server =
      ok(reactor::Server<SecureEcho>::listen(world.host("10.0.0.1").loop(), "10.0.0.1:7", options));
  Stream stream = Stream::connect(world.host("10.0.0.2").loop(), "10.0.0.1:7");
  stream.secure(site.client(), "a.example");
  const std::string text(20'000, 'x');
  std::string received;
  stream.on_data([&](Stream::Bytes bytes) {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  stream.write(text);
  CHECK(world.run_until([&] { return received == text; }, 1min));
  return world.trace();
}

}  // namespace

// The signatures of RSA have one size; those of curves differ by a byte or two.
TEST_CASE("with a key of RSA, streams by TLS have the same trace for the same seed") {
  const TlsSite site({.rsa_bits = 2048});
  const std::string first = trace_of_tls(site);
  CHECK(first.find("fault") != std::string::npos);
  CHECK(trace_of_tls(site) == first);
}
