// The version of the library.
#pragma once

#if __cplusplus < 202002L
#error "uvreactor needs C++20: compile with -std=c++20"
#include <uvreactor/needs/c++20>  // tidy-ok: does not exist, which stops the compiler
#endif

/// The version of these headers. Before 1.0.0, a new minor version may change the API.
///
///     #if UVREACTOR_VERSION_NUMBER >= 200  // 0.2.0 or newer
#define UVREACTOR_VERSION "0.1.0"
#define UVREACTOR_VERSION_MAJOR 0
#define UVREACTOR_VERSION_MINOR 1
#define UVREACTOR_VERSION_PATCH 0
#define UVREACTOR_VERSION_NUMBER \
  (UVREACTOR_VERSION_MAJOR * 10000 + UVREACTOR_VERSION_MINOR * 100 + UVREACTOR_VERSION_PATCH)

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// The version of the library that the program runs with, which may be newer than the headers.
[[nodiscard]] const char* version() noexcept;

}  // namespace reactor
#pragma GCC visibility pop
