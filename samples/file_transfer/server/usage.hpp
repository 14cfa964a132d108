// What files and folders cost of a quota.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"

namespace file_transfer {

/// What a file system takes space in. Every file and folder costs one beside what it holds: so many
/// of them, even empty ones, are all that a quota allows.
inline constexpr std::uint64_t block_bytes = 4096;

[[nodiscard]] std::uint64_t cost_of_file(std::uint64_t size);
[[nodiscard]] std::uint64_t cost_of(const struct stat& status);

/// A path has so many names and so many bytes at most, that all below a home can be counted.
inline constexpr std::size_t most_names = 64;
inline constexpr std::size_t longest_path_bytes = 4095;
[[nodiscard]] bool fits(const std::string& path);

/// What all below `folder` costs. No symbolic link is followed.
///
/// Errors    Whatever keeps it from looking at each file: it never tells too little.
/// Cost      A look at each file, and one descriptor.
[[nodiscard]] reactor::Result<std::uint64_t> usage_below(const reactor::File& folder);

}  // namespace file_transfer
