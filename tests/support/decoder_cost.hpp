// The cost of a decoder: time in proportion to the bytes, no memory for whole frames, and none for
// a length that was only announced.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "protocols/decoder.hpp"
#include "protocols/testing/decoder_checks.hpp"
#include "support/allocations.hpp"
#include "support/timeout_scale.hpp"

template <protocols::Decoder D>
std::size_t count_frames(D& decoder) {
  std::size_t count = 0;
  while (decoder.next()) ++count;
  return count;
}

/// A chunk of whole frames must be decoded without a call of `new`.
template <protocols::Decoder D>
void check_whole_frames_cost_no_allocation(const D& fresh, std::string_view wire,
                                           std::size_t frames) {
  D decoder = fresh;
  const std::size_t before = allocations::count();
  decoder.feed(protocols::as_bytes(wire));
  const std::size_t decoded = count_frames(decoder);
  CHECK(allocations::count() == before);
  CHECK(decoded == frames);
  CHECK(decoder.at_boundary());
}

/// A length that a peer announces must not cost memory before the bytes arrive.
template <protocols::Decoder D>
void check_costs_under_1_kib(const D& fresh, std::string_view wire) {
  const auto failure =
      protocols::testing::memory_follows_bytes(fresh, wire, allocations::live_bytes);
  CHECK(failure.value_or("") == "");
}

/// One frame of 1 MiB, a byte at a time. It takes some milliseconds.
template <protocols::Decoder D>
void check_linear(const D& fresh, std::string_view wire) {
  const auto failure = protocols::testing::linear_time(fresh, wire, 10 * timeout_scale());
  CHECK(failure.value_or("") == "");
}
