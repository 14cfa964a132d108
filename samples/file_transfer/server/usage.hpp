// How much of a quota files and folders use.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"

namespace file_transfer {

/// The unit in which a file system allocates space. Every file and folder costs one block besides
/// its content, so that a quota limits the number of empty ones, too.
inline constexpr std::uint64_t block_bytes = 4096;

[[nodiscard]] std::uint64_t cost_of_file(std::uint64_t size);
[[nodiscard]] std::uint64_t cost_of(const struct stat& status);

/// The limits of a path, so that everything below a home can be counted.
inline constexpr std::size_t most_names = 64;
inline constexpr std::size_t longest_path_bytes = 4095;
[[nodiscard]] bool fits(const std::string& path);

/// The cost of everything below `folder`. Symbolic links are not followed.
///
/// Errors    Any that prevents the lookup of a file: the result is never too low.
/// Cost      A lookup of each file, and one descriptor.
[[nodiscard]] reactor::Result<std::uint64_t> usage_below(const reactor::File& folder);

}  // namespace file_transfer
