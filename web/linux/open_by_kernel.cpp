#include "web/open_by_kernel.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace web::inline v0 {

const int found_only = O_PATH;

int open_name(int folder, const std::string& name, int flags, mode_t mode) {
  return openat(folder, name.c_str(), flags | O_NOFOLLOW, mode);
}

int open_by_kernel(int folder, const std::string& path, int flags, bool refuse_links, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (refuse_links) how.resolve |= RESOLVE_NO_SYMLINKS;
  for (int attempt = 0;; ++attempt) {
    const long fd = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    // EAGAIN: another program renamed a folder meanwhile.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == 10) {
      return static_cast<int>(fd);
    }
  }
}

}  // namespace web
