// Detects valgrind, which is between a test and the kernel or the allocator that it examines.
#pragma once

#include <cstdlib>
#include <string_view>

inline bool below_valgrind() {
  const char* const preloaded = std::getenv("LD_PRELOAD");
  return preloaded && std::string_view(preloaded).find("valgrind") != std::string_view::npos;
}
