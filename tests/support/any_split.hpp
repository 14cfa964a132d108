// Every decoder test checks that the outcome does not depend on how the network cuts the bytes.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

#include "protocols/testing/decoder_checks.hpp"
#include "support/transcript.hpp"

using protocols::testing::Frames;

template <class Check>
void for_each_split(std::string_view wire, Check check) {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  protocols::testing::for_each_split(wire, seed, check);
}

/// Decodes `wire` in every cut, each time from a copy of `fresh`: see protocols::testing::any_split.
/// Every cut must give `expected`.
template <class Decoder>
void check_any_split(const Decoder& fresh, std::string_view wire, std::string_view expected,
                     Frames frames = Frames::whole) {
  CHECK(transcript(fresh, {wire}).line == expected);
  const Frames kind = is_piece<typename Decoder::Frame> ? Frames::pieces : frames;
  const auto failure = protocols::testing::any_split(
      fresh, wire, kind, [](const auto& frame) { return describe(frame); }, std::random_device()());
  CHECK(failure.value_or("") == "");
}
