#include "support/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "reactor/file.hpp"

namespace samples {
namespace {

using reactor::File;

int open_by_kernel(int folder, const std::string& path, int flags, Links links, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (links == Links::refused) how.resolve |= RESOLVE_NO_SYMLINKS;
  for (int attempt = 0;; ++attempt) {
    const long fd = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    // EAGAIN: somebody renamed a folder meanwhile.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == 10) {
      return static_cast<int>(fd);
    }
  }
}

// Folder by folder, none of which may be a link.
int walk(int from, std::string_view path, int flags, mode_t mode) {
  File folder;
  for (int at = from;;) {
    const std::size_t slash = path.find('/');
    const std::string name(path.substr(0, slash));
    const bool last = slash == path.npos;
    if (name == "..") return errno = EXDEV, -1;
    if (last && name.empty()) return openat(at, ".", flags | O_DIRECTORY);
    const int wanted = last ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC;
    const int fd = openat(at, name.c_str(), wanted | O_NOFOLLOW, mode);
    if (fd < 0 || last) return fd;
    folder = File::own(fd);
    at = fd;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

int open_beneath(int folder, const std::string& path, int flags, Links links, mode_t mode) {
  const int fd = open_by_kernel(folder, path, flags, links, mode);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
  return walk(folder, path, flags, mode);
}

}  // namespace samples
