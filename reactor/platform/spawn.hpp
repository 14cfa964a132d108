// How a child process begins and how its end is noticed. Internal.
#pragma once

#include <sys/types.h>

#include <array>

namespace reactor::platform {

inline constexpr int standard_descriptors = 3;

/// What becomes a child, which leads a session of its own, has no descriptors but these, and no
/// signal blocked or ignored.
struct Spawn {
  const char* program = nullptr;
  const char* directory = nullptr;                                // Null: that of this process.
  std::array<int, standard_descriptors> standard = {-1, -1, -1};  // -1: /dev/null.
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
};

/// Returns 0 or an errno. ENOTSUP: this system cannot start a child so.
[[nodiscard]] int spawn(const Spawn& child, pid_t& id);

/// Returns a descriptor that is readable once the child has ended, or -errno. -ENOSYS: SIGCHLD
/// reports that.
[[nodiscard]] int open_process(pid_t id);

}  // namespace reactor::platform
