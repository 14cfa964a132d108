// How a sample gives up: with one line that says why.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "reactor/result.hpp"

namespace samples {

/// Ends the program with exit code 1 and `error: ` before its text.
struct Failed : std::runtime_error {
  explicit Failed(const reactor::Error& error) : std::runtime_error(error.message()) {}
  explicit Failed(const std::string& text) : std::runtime_error(text) {}
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
