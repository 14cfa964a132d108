// Results in tests: the value of a success, and the message of a failure.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/result.hpp"

template <class T>
T ok(reactor::Result<T> result) {
  if (!result) FAIL(result.error().message());
  return std::move(*result);
}

inline void ok(reactor::Result<void> result) {
  if (!result) FAIL(result.error().message());
}

template <class T>
std::string failure(const reactor::Result<T>& result) {
  return result ? "it worked" : result.error().message();
}

inline reactor::Address address(std::string_view text) { return ok(reactor::Address::parse(text)); }
