// Pseudo-random numbers that are the same with every compiler and standard library.
#pragma once

#include <cstdint>

#include "reactor/version.hpp"

namespace reactor::inline v0::simulation {

/// A generator whose sequence depends on its seed only. The distributions of the standard library
/// differ between implementations, so it has its own.
///
///     Random random(7);
///     const auto die = random.between(1, 6);
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// A number of 64 bits (SplitMix64).
  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  /// A number from 0 to `end` - 1; 0 if `end` is 0.
  std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : next() % end; }

  /// A number from `least` to `most`, both included.
  std::int64_t between(std::int64_t least, std::int64_t most) {
    if (most <= least) return least;
    return least + static_cast<std::int64_t>(
                       below(static_cast<std::uint64_t>(most - least) + std::uint64_t{1}));
  }

  /// True with this probability, from 0 to 1.
  bool happens(double probability) {
    constexpr int bits = 53;
    const auto drawn = static_cast<double>(next() >> (64 - bits));
    return drawn < probability * static_cast<double>(std::uint64_t{1} << bits);
  }

 private:
  std::uint64_t state_;
};

}  // namespace reactor::simulation
