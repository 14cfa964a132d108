// The kernel, with a count of what its sockets send and receive. Internal.
#pragma once

#include <cstdint>
#include <utility>

#include "reactor/platform/platform.hpp"

namespace reactor::inline v0::platform {

/// The traffic of a loop.
struct Traffic {
  std::uint64_t accepted = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
};

/// Counts for the thread's `counted`. It lives as long as the process, and costs a loop that is not
/// measured nothing.
[[nodiscard]] Platform& metered();

/// True if this thread works on the kernel, counted or not.
[[nodiscard]] inline bool on_kernel() { return !replacement || replacement == &metered(); }

/// Null: nothing is counted.
extern constinit thread_local Traffic* counted;

/// While this lives, the thread counts for `traffic`.
class Count {
 public:
  explicit Count(Traffic* traffic) : before_(std::exchange(counted, traffic)) {}
  ~Count() { counted = before_; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;

 private:
  Traffic* const before_;
};

}  // namespace reactor::platform
