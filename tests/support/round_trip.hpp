// decode(encode(x)) = x, for random x, wherever the stream is cut.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/any_split.hpp"

/// Random bytes: often those that have a meaning in some protocol, and often the same byte again.
template <class Random>
std::string random_payload(Random& random, std::size_t longest) {
  static constexpr std::string_view special("\0\x01\xFF\xC0\xDB\xDC\xDD\r\n,:0", 12);
  const auto kind = random() % 4;
  std::string payload(random() % (longest + 1), '\0');
  for (char& byte : payload) {
    if (kind == 0) byte = static_cast<char>(random());
    if (kind == 1) byte = special[random() % special.size()];
    if (kind == 2) byte = random() % 50 ? 'x' : special[random() % special.size()];
    if (kind == 3) byte = 'x';
  }
  return payload;
}

constexpr std::size_t longest_round_trip = 700;

/// Encodes random payloads one after the other with `encode(wire, payload)` and decodes them in
/// random cuts. If `encode` refuses a payload by returning false, the wire must be unchanged.
template <class Decoder, class Encode>
void check_round_trip(const Decoder& fresh, Encode encode, std::size_t longest = longest_round_trip,
                      std::string (*describe_payload)(std::string_view) = describe) {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::size_t accepted = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> wire;
    std::string expected;
    for (auto count = random() % 6; count > 0; --count) {
      const std::string payload = random_payload(random, longest);
      const std::size_t before = wire.size();
      if (encode(wire, std::string_view(payload))) {
        expected += describe_payload(payload);
        ++accepted;
      } else {
        REQUIRE(wire.size() == before);
      }
    }
    const auto pieces = random_pieces(protocols::as_text(wire), random);
    const bool came_back = transcript(fresh, pieces).line == expected;
    REQUIRE(came_back);
  }
  CHECK(accepted > 50);
}
