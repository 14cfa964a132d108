// Results: a value, or an Error that names the operation and its object.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <system_error>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// What the network or the kernel failed to do, in words for the person who has to act on it.
///
///     bind 127.0.0.1:80: permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)
///
/// An Error without a code means that nothing went wrong: an orderly end is reported in this way.
struct Error {
  std::error_code code = {};
  std::string operation = {};  ///< The operation that was tried: "bind".
  std::string subject = {};    ///< The object of the operation, usually an address; may be empty.
  std::string hint = {};       ///< How to fix it, if that is known; may be empty.

  /// True when something went wrong.
  explicit operator bool() const { return static_cast<bool>(code); }

  /// The whole error in one line, without a line end.
  [[nodiscard]] std::string message() const;
};

/// A T, or the Error that states why there is none.
template <class T>
using Result = tl::expected<T, Error>;

/// What a function with a Result returns when it failed: `return Failure(error);`.
using Failure = tl::unexpected<Error>;

/// The Error for a system call that set `error_number`, with a hint if one is known.
[[nodiscard]] Error system_error(int error_number, std::string operation, std::string subject = {});

}  // namespace reactor
#pragma GCC visibility pop
