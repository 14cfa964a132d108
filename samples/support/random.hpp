// Unpredictable text, for nonces and salts.
#pragma once

#include <cstddef>
#include <string>

namespace samples {

/// `size` random bytes.
[[nodiscard]] std::string random_bytes(std::size_t size);

}  // namespace samples
