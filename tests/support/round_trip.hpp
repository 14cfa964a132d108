// decode(encode(x)) = x, for random x, wherever the stream is cut.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <type_traits>

#include "support/any_split.hpp"

using protocols::testing::random_payload;

constexpr std::size_t longest_round_trip = protocols::testing::RoundTrip().longest;

/// See protocols::testing::round_trip.
template <class Decoder, class Encode>
void check_round_trip(const Decoder& fresh, Encode encode, std::size_t longest = longest_round_trip,
                      std::string (*describe_payload)(std::string_view) = describe) {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  const auto failure = protocols::testing::round_trip(
      fresh, encode, {.longest = longest, .seed = seed}, [describe_payload](const auto& text) {
        if constexpr (std::is_same_v<decltype(text), const std::string_view&>) {
          return describe_payload(text);
        } else {
          return describe(text);
        }
      });
  CHECK(failure.value_or("") == "");
}
