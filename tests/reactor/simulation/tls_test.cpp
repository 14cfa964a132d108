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

struct Deaf {
  Stream& stream;
  void on_data(std::span<const std::byte>) { stream.pause(); }
};

// How long close() takes whose bytes the peer does not read. The kernel has room for them all.
reactor::Duration time_to_close(const TlsSite* site) {
  World world({.send_buffer_bytes = 1 << 20, .receive_buffer_bytes = 1 << 16});
  reactor::ServerOptions options;
  if (site) options.tls = site->server();
  auto server =
      ok(reactor::Server<Deaf>::listen(world.host("10.0.0.1").loop(), "10.0.0.1:7", options));
  reactor::Loop& loop = world.host("10.0.0.2").loop();
  Stream stream = Stream::connect(loop, "10.0.0.1:7");
  if (site) stream.secure(site->client(), "a.example");
  stream.write(std::string(1 << 18, 'x'));
  world.run_for(2s);
  const auto began = loop.now();
  bool closed = false;
  stream.on_close([&](const reactor::Error& error) {
    CHECK(error.code == std::errc::timed_out);
    closed = true;
  });
  stream.close();
  CHECK(world.run_until([&] { return closed; }, 5min));
  return loop.now() - began;
}

}  // namespace

TEST_CASE("close() ends as soon with TLS as without, if the peer does not read") {
  const TlsSite site;
  CHECK(time_to_close(nullptr) < 6s);
  CHECK(time_to_close(&site) < 6s);
}

// The signatures of RSA have one size; those of curves differ by a byte or two.
TEST_CASE("with a key of RSA, streams by TLS have the same trace for the same seed") {
  const TlsSite site({.rsa_bits = 2048});
  const std::string first = trace_of_tls(site);
  CHECK(first.find("fault") != std::string::npos);
  CHECK(trace_of_tls(site) == first);
}
