// Programs that run in simulated worlds, each with what must hold for any seed.
#pragma once

#include <cstdint>
#include <string>

#include "reactor/simulation/world.hpp"

namespace programs {

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

}  // namespace programs
