// Counts what `new` allocates on this thread, for promises like "no allocation" and "under 1 KiB".
#pragma once

#include <cstddef>

namespace allocations {

/// How many times `new` has been called on this thread.
std::size_t count();

/// How many bytes it has allocated that are not freed yet, as malloc rounds them.
std::ptrdiff_t live_bytes();

/// Lets the n-th `new` from now on this thread throw, and no other; 0: none does. False if that is
/// impossible: with a sanitizer.
bool fail_nth(std::size_t n);

/// Whether that call has failed.
bool has_failed();

}  // namespace allocations
