// The factor for the timeouts of tests.
#pragma once

#include <cstdlib>

/// A test multiplies the time after which it fails by this. It is more than 1 where everything
/// takes longer, with a sanitizer or valgrind. `./dev test` sets it.
inline int timeout_scale() {
  const char* const scale = std::getenv("UVREACTOR_TIMEOUT_SCALE");
  return scale ? std::atoi(scale) : 1;
}
