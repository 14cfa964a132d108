// Which cells of a large table of cases are run.
#pragma once

#include <cstddef>

#include "support/child.hpp"

/// Whether a cell of a large table of cases is run. ThreadSanitizer looks for races, but the cells
/// have one thread each: with it, every fourth cell of each row and each column is run.
inline bool is_in_sample(std::size_t row, std::size_t column) {
  return !below_thread_sanitizer || (row + column) % 4 == 0;
}
