// The question every decoder test asks: does the outcome depend on how the network cut the bytes?
// It must not.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/transcript.hpp"

namespace any_split {

using Pieces = std::vector<std::string_view>;

constexpr std::size_t cut_in_three_up_to = 40;  // Bytes; the number of ways grows by the square.
constexpr std::size_t cut_in_two_up_to = 1500;  // Longer wires are cut at some places in between.
constexpr std::size_t places_of_long_wires = 100;
constexpr int random_cuts = 20;

inline Pieces single_bytes(std::string_view wire) {
  Pieces pieces;
  for (std::size_t i = 0; i < wire.size(); ++i) pieces.push_back(wire.substr(i, 1));
  return pieces;
}

/// Cut at random: short pieces and long ones, empty ones too.
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

/// Calls `check(pieces, how)` for each way to cut `wire` that is worth trying.
template <class Check>
void for_each_split(std::string_view wire, Check check) {
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
  const auto seed = std::random_device()();
  std::mt19937 random(seed);
  for (int round = 0; round < random_cuts; ++round) {
    check(random_pieces(wire, random),
          "at random, seed " + std::to_string(seed) + " round " + std::to_string(round));
  }
}

}  // namespace any_split

/// Whether each frame is a whole message, or a piece of one that follows the cut: then `describe`
/// must make the same text of the pieces, however many they are.
enum class Frames { whole, pieces };

/// Decodes `wire` in every cut, each time from a copy of `fresh`; every way must give `expected`,
/// the same extents, and an error at the very byte that the decoder names.
template <class Decoder>
void check_any_split(const Decoder& fresh, std::string_view wire, std::string_view expected,
                     Frames frames = Frames::whole) {
  const Transcript whole = transcript(fresh, {wire});
  CHECK(whole.line == expected);

  std::string differing;  // One report is enough, and building thousands would be slow.
  const auto check = [&](const any_split::Pieces& pieces, const std::string& how) {
    for (auto lending :
         {Lending::until_drained, Lending::until_each_frame, Lending::until_next_feed}) {
      if (!differing.empty()) return;
      const Transcript cut = transcript(fresh, pieces, lending);
      const bool same_extents = frames == Frames::pieces || cut.extents == whole.extents;
      if (cut.line != whole.line || !same_extents) differing = how + ": " + cut.line;
    }
  };
  any_split::for_each_split(wire, check);
  CHECK(differing == "");

  if constexpr (requires { fresh.extent(); }) {
    const Transcript slow = transcript(fresh, any_split::single_bytes(wire));
    if (slow.bytes_fed_when_failed > 0) {
      CHECK(slow.line.ends_with(" at " + std::to_string(slow.bytes_fed_when_failed - 1)));
    }
  }
}
