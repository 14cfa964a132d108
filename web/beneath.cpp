#include "web/beneath.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "reactor/file.hpp"
#include "web/open_by_kernel.hpp"

namespace web::inline v0 {
namespace {

using reactor::File;

// A link that is not followed is not a folder either; fstatat(2) distinguishes the two.
int open_name(int folder, const std::string& name, int flags, mode_t mode) {
  const int fd = openat(folder, name.c_str(), flags | O_NOFOLLOW, mode);
  if (fd >= 0 || errno != ENOTDIR) return fd;
  struct stat status {};
  const bool is_link =
      fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  return errno = is_link ? ELOOP : ENOTDIR, -1;
}

}  // namespace

int open_beneath_by_walking(int folder, std::string_view path, int flags, mode_t mode) {
  if (path.empty()) return errno = ENOENT, -1;
  if (path.front() == '/') return errno = EXDEV, -1;
  File parent;
  for (int at = folder;;) {
    const std::size_t slash = path.find('/');
    std::string name(path.substr(0, slash));
    if (name == "..") return errno = EXDEV, -1;
    if (name.empty()) name = ".";
    const bool is_last = slash == path.npos;
    const int wanted = is_last ? flags : found_only | O_DIRECTORY | O_CLOEXEC;
    const int fd = open_name(at, name, wanted, mode);
    if (fd < 0 || is_last) return fd;
    parent = File::own(fd);
    at = fd;
    path.remove_prefix(slash + 1);
  }
}

int open_beneath(int folder, const std::string& path, int flags, Links links, mode_t mode) {
  const int fd = open_by_kernel(folder, path, flags, links == Links::refused, mode);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
  return open_beneath_by_walking(folder, path, flags, mode);
}

}  // namespace web
