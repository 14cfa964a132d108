// SHA-256 digests, some of which are secrets.
#pragma once

#include <array>
#include <cstddef>

namespace samples {

using Digest = std::array<std::byte, 32>;

/// Takes the same time wherever the two differ. Otherwise an attacker could learn from the time how
/// much of a guess was right.
[[nodiscard]] inline bool equal_digests(const Digest& left, const Digest& right) {
  std::byte different{0};
  for (std::size_t at = 0; at < left.size(); ++at) different |= left[at] ^ right[at];
  return different == std::byte{0};
}

}  // namespace samples
