// What can fail, and why: a value or an Error that names the operation and its object.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <system_error>

#include "reactor/version.hpp"

namespace reactor {

/// What the network or the kernel did not do, in words for the person who has to act on it.
///
///     bind 127.0.0.1:80: permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)
///
/// An Error without a code says that nothing went wrong: that is how an orderly end is told.
struct Error {
  std::error_code code = {};
  std::string operation = {};  ///< What was tried: "bind".
  std::string subject = {};    ///< What it was about, an address most often; may be empty.
  std::string hint = {};       ///< What to do about it, where that is known; may be empty.

  /// True when something went wrong.
  explicit operator bool() const { return static_cast<bool>(code); }

  /// The whole error in one line, without a line end.
  [[nodiscard]] std::string message() const;
};

/// A T, or the Error that tells why there is none.
template <class T>
using Result = tl::expected<T, Error>;

/// What a function with a Result returns when it failed: `return Failure(error);`.
using Failure = tl::unexpected<Error>;

/// The Error for a system call that set `error_number`, with the hint that is known for it.
[[nodiscard]] Error system_error(int error_number, std::string operation, std::string subject = {});

}  // namespace reactor
