// Comparing secrets: an attacker must not learn from the time how much of a guess was right.
#pragma once

#include <cstddef>

#include "samples/support/challenge.hpp"

namespace samples {

/// Takes the same time wherever the two differ.
[[nodiscard]] inline bool equal_digests(const Digest& left, const Digest& right) {
  std::byte different{0};
  for (std::size_t at = 0; at < left.size(); ++at) different |= left[at] ^ right[at];
  return different == std::byte{0};
}

}  // namespace samples
