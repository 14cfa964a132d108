// Files under a folder, and nothing that is not.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace samples {

enum class Links : unsigned char { stay_beneath, refused };

/// Opens the relative `path`, as openat(2) does, where it leads to what lies under `folder`. The kernel
/// sees to that, links and folders renamed meanwhile notwithstanding (openat2); where it cannot, no link
/// is followed and no `..` taken.
///
/// Errors    -1 and errno; ELOOP: a link that is refused; EXDEV: it leads out
[[nodiscard]] int open_beneath(int folder, const std::string& path, int flags, Links links,
                               mode_t mode = 0);

/// How it is opened where the kernel cannot see to it.
[[nodiscard]] int open_beneath_by_walking(int folder, std::string_view path, int flags,
                                          mode_t mode = 0);

}  // namespace samples
