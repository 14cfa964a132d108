// Unpredictable bytes, for nonces and salts.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace samples {

/// Fills `bytes`, at most 256. Throws Failed.
void fill_randomly(std::span<std::byte> bytes);

/// `size` random bytes, at most 256. Throws Failed.
[[nodiscard]] std::string random_bytes(std::size_t size);

}  // namespace samples
