// Programs that run in simulated worlds, each with what must hold for any seed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "reactor/server_options.hpp"
#include "reactor/simulation/world.hpp"
#include "reactor/stream_limits.hpp"

namespace programs {

constexpr std::chrono::seconds faults_end(10);
constexpr std::chrono::hours end_of_all(1);
constexpr const char* server_address = "10.0.0.1";

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string random_text(reactor::simulation::Random& random, std::size_t size) {
  std::string text(size, ' ');
  for (char& letter : text) letter = static_cast<char>('a' + random.below(26));
  return text;
}

inline std::string client_address(int number) { return "10.0.1." + std::to_string(number + 1); }

inline reactor::StreamLimits quick_limits() {
  reactor::StreamLimits limits;
  limits.close_timeout = std::chrono::seconds(30);
  limits.high_water_bytes = 4096;  // So that texts are above it.
  return limits;
}

inline reactor::ServerOptions quick_options() {
  reactor::ServerOptions options;
  options.close_timeout = std::chrono::seconds(30);
  options.high_water_bytes = quick_limits().high_water_bytes;
  options.idle_timeout =
      std::chrono::minutes(5);  // A peer that is reset during a partition says nothing.
  return options;
}

/// A world with links, partitions and faults drawn from the seed. After some seconds of
/// virtual time the faults end.
class RoughWorld {
 public:
  struct Roughness {
    bool resets = true;  ///< Connections may end before their time.
  };

  explicit RoughWorld(std::uint64_t seed);
  RoughWorld(std::uint64_t seed, Roughness roughness);

  reactor::simulation::World world;
};

// Each returns what is wrong, or an empty text.
std::string echo(std::uint64_t seed);
std::string framed_echo(std::uint64_t seed);
std::string relay(std::uint64_t seed);
std::string chat(std::uint64_t seed);
std::string time_service(std::uint64_t seed);
std::string http(std::uint64_t seed);
std::string restarts(std::uint64_t seed);
std::string farewells(std::uint64_t seed);
std::string drains(std::uint64_t seed);
std::string file_transfer(std::uint64_t seed);
std::string http_client(std::uint64_t seed);
std::string announcements(std::uint64_t seed);

}  // namespace programs
