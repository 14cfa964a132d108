// Ways to cut a wire into the pieces that a network might deliver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/detail/cxx20.hpp"

namespace protocols::inline v0::testing {

/// What a network delivers one after the other.
using Pieces = std::vector<std::string_view>;

inline Pieces single_bytes(std::string_view wire) {
  Pieces pieces;
  for (std::size_t i = 0; i < wire.size(); ++i) pieces.push_back(wire.substr(i, 1));
  return pieces;
}

/// Random cuts: short pieces and long ones, and also empty ones.
template <class Random>
Pieces random_pieces(std::string_view wire, Random& random) {
  Pieces pieces;
  const std::size_t longest = 1 + random() % (wire.size() + 1);
  while (!wire.empty()) {
    const std::size_t size = random() % (longest + 1);
    pieces.push_back(wire.substr(0, size));
    wire.remove_prefix(pieces.back().size());
  }
  return pieces;
}

/// Bytes: the number of cuts grows by the square.
inline constexpr std::size_t cut_in_three_up_to = 40;
/// Longer wires are cut at some places in between.
inline constexpr std::size_t cut_in_two_up_to = 1500;
inline constexpr std::size_t places_of_long_wires = 100;
inline constexpr int random_cuts = 20;

/// Calls `check(pieces, how)` for each useful way to cut `wire`, and for some drawn from `seed`.
///
///     for_each_split(wire, 1, [&](const Pieces& pieces, const std::string& how) { … });
template <class Check>
void for_each_split(std::string_view wire, std::uint64_t seed, Check check) {
  check(Pieces{wire}, "whole");
  check(single_bytes(wire), "byte by byte");
  const std::size_t step = wire.size() <= cut_in_two_up_to ? 1 : wire.size() / places_of_long_wires;
  for (std::size_t cut = 0; cut <= wire.size(); cut += cut < 100 ? 1 : step) {
    check(Pieces{wire.substr(0, cut), wire.substr(cut)}, "in two at " + std::to_string(cut));
  }
  if (wire.size() <= cut_in_three_up_to) {
    for (std::size_t first = 0; first <= wire.size(); ++first) {
      for (std::size_t second = first; second <= wire.size(); ++second) {
        check(
            Pieces{wire.substr(0, first), wire.substr(first, second - first), wire.substr(second)},
            "in three at " + std::to_string(first) + " and " + std::to_string(second));
      }
    }
  }
  std::mt19937_64 random(seed);
  for (int round = 0; round < random_cuts; ++round) {
    check(random_pieces(wire, random),
          "at random, seed " + std::to_string(seed) + " round " + std::to_string(round));
  }
}

}  // namespace protocols::testing
