// How this system opens what is under a folder. Internal.
#pragma once

#include <sys/types.h>

#include <string>

namespace web::inline v0 {

/// Flags of open(2) for a file or folder that is found and not read, where the system has such.
extern const int found_only;

/// Opens a name in a folder, if it is no link. ENXIO: this system cannot find what has the name
/// without opening it, and opening it may have effects, since it is neither a file nor a folder.
[[nodiscard]] int open_name(int folder, const std::string& name, int flags, mode_t mode);

/// As open_beneath(). ENOSYS: this kernel cannot guarantee it.
[[nodiscard]] int open_by_kernel(int folder, const std::string& path, int flags, bool refuse_links,
                                 mode_t mode);

}  // namespace web
