// The cost of a decoder: time in proportion to the bytes, no memory for whole frames, and none for
// a length that was only announced.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

#include "protocols/decoder.hpp"
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
  D decoder = fresh;
  const std::ptrdiff_t before = allocations::live_bytes();
  decoder.feed(protocols::as_bytes(wire));
  CHECK(count_frames(decoder) == 0);
  CHECK(allocations::live_bytes() - before < 1024);
}

/// One frame of 1 MiB, a byte at a time. It takes some milliseconds. A decoder that reads every
/// byte again for each new one would take minutes.
template <protocols::Decoder D>
void check_linear(const D& fresh, std::string_view wire) {
  D decoder = fresh;
  const std::clock_t began = std::clock();
  std::size_t frames = 0;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    decoder.feed(protocols::as_bytes(wire.substr(i, 1)));
    frames += count_frames(decoder);
    if (i % 4096 == 0 && std::clock() - began > 10 * timeout_scale() * CLOCKS_PER_SEC) break;
  }
  CHECK(frames == 1);
  CHECK(decoder.at_boundary());
}
