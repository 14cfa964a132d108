// How a sample gives up: with one line that gives the reason.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "reactor/resolver.hpp"
#include "reactor/result.hpp"

namespace samples {

/// True if the library refused a text as an endpoint. That text was on the command line.
[[nodiscard]] inline bool is_malformed_endpoint(const reactor::Error& error) {
  const bool is_of_text = error.operation == "resolve" || error.operation == "parse address";
  if (error.code == reactor::ResolveError::unknown_service) return true;  // As `127.0.0.1:90x0`.
  return is_of_text &&
         (error.code == std::errc::invalid_argument || error.code == std::errc::filename_too_long);
}

/// Ends the program with `error: ` before its text and exit code 1, or 2 for a malformed endpoint.
struct Failed : std::runtime_error {
  explicit Failed(const reactor::Error& error)
      : std::runtime_error(error.message()), exit_code(is_malformed_endpoint(error) ? 2 : 1) {}
  explicit Failed(const std::string& text) : std::runtime_error(text) {}

  int exit_code = 1;
};

/// The value, or Failed.
template <class T>
T value_of(reactor::Result<T> result) {
  if (!result) throw Failed(result.error());
  return std::move(*result);
}

/// Nothing, or Failed.
inline void check(const reactor::Result<void>& result) {
  if (!result) throw Failed(result.error());
}

}  // namespace samples
