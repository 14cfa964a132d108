// Opens files under a folder, and none outside it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// Which symbolic links are followed.
enum class Links : unsigned char { stay_beneath, refused };

/// Opens the relative `path`, as openat(2) does, if it leads to something under `folder`, in spite
/// of links and of folders that are renamed meanwhile. The kernel ensures that (openat2), or else
/// open_beneath_by_walking().
///
/// Errors    -1 and errno; ELOOP: a link that is refused; EXDEV: it leads out
[[nodiscard]] int open_beneath(int folder, const std::string& path, int flags, Links links,
                               mode_t mode = 0);

/// The implementation for kernels that cannot guarantee it. It opens one name after the other.
///
/// Errors    As above; ELOOP also for links and `..` that need too much work.
/// Cost      Two descriptors; a call for each name, and for each `..` all names before it again.
[[nodiscard]] int open_beneath_by_walking(int folder, std::string_view path, int flags, Links links,
                                          mode_t mode = 0);

}  // namespace web
#pragma GCC visibility pop
