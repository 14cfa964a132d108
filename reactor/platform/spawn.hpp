// Starts a child process and reports its end. Internal.
#pragma once

#include <sys/types.h>

#include <array>

namespace reactor::inline v0::platform {

inline constexpr int standard_descriptors = 3;

/// Describes a child. The child leads its own session, has no descriptors but these, and no signal
/// blocked or ignored.
struct Spawn {
  const char* program = nullptr;
  const char* directory = nullptr;                                // Null: that of this process.
  std::array<int, standard_descriptors> standard = {-1, -1, -1};  // -1: /dev/null.
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
};

/// Returns 0 or an errno. ENOTSUP: this system cannot start a child in this way.
[[nodiscard]] int spawn(const Spawn& child, pid_t& id);

/// Returns a descriptor that is readable once the child has ended, or -errno. -ENOSYS: use SIGCHLD
/// instead.
[[nodiscard]] int open_process(pid_t id);

}  // namespace reactor::platform
