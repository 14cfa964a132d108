// What is in a folder, as the answer to `ls` tells it.
#pragma once

#include <cstddef>
#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"

namespace file_transfer {

inline constexpr std::size_t longest_listing_bytes = 32 << 20;

/// A line for each entry, a JSON object.
///
/// Errors    file_too_large: it would be longer than 32 MiB
[[nodiscard]] reactor::Result<std::string> list_folder(const reactor::File& folder);

}  // namespace file_transfer
