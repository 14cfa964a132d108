// What nobody can guess: for nonces and salts.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace samples {

/// Fills `bytes`, at most 256. Fails, as programs do.
void fill_randomly(std::span<std::byte> bytes);

/// So many, at most 256. Fails, as programs do.
[[nodiscard]] std::string random_bytes(std::size_t size);

}  // namespace samples
