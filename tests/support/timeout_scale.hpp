// How long is too long.
#pragma once

#include <cstdlib>

/// What bounds a test that fails is multiplied by this: more than 1 where everything takes longer,
/// below a sanitizer or valgrind. `./dev test` sets it.
inline int timeout_scale() {
  const char* const told = std::getenv("UVREACTOR_TIMEOUT_SCALE");
  return told ? std::atoi(told) : 1;
}
