#include "web/open_by_kernel.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace web::inline v0 {

const int found_only = O_RDONLY | O_NONBLOCK | O_NOCTTY;

int open_name(int folder, const std::string& name, int flags, mode_t mode) {
  const bool is_found_only = (flags & (found_only | O_DIRECTORY)) == found_only;
  struct stat status {};
  if (is_found_only && fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode)) {
    return errno = ENXIO, -1;
  }
  return openat(folder, name.c_str(), flags | O_NOFOLLOW, mode);
}

int open_by_kernel(int, const std::string&, int, bool, mode_t) { return errno = ENOSYS, -1; }

}  // namespace web
