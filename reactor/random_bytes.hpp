// Random numbers that no peer can predict: for keys, nonces, salts and masks.
#pragma once

#include <cstddef>
#include <span>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Fills `bytes` with random numbers of the system.
///
///     std::array<std::byte, 16> nonce;
///     reactor::fill_randomly(nonce);
///
/// In a simulated world they come from its seed, so that a run can be repeated.
///
/// Errors    Ends the process by std::abort() where the system has none: no secret would be one.
/// Thread    Any.
/// Cost      No system call for most requests of a few bytes: each thread takes 256 in advance.
void fill_randomly(std::span<std::byte> bytes);

}  // namespace reactor
#pragma GCC visibility pop
