#include "reactor/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace reactor::inline v0 {

Result<File> File::open(const std::string& path) {
  // Without O_NONBLOCK, opening a FIFO waits for its other end. A regular file ignores the flag.
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.fd(), &status) != 0) return Failure(system_error(errno, "open", path));
  if (S_ISDIR(status.st_mode)) return Failure(system_error(EISDIR, "open", path));
  if (!S_ISREG(status.st_mode)) return Failure(system_error(EINVAL, "open", path));
  return file;
}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

std::string File::name() const {
  const std::string link = "/proc/self/fd/" + std::to_string(fd_);
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  if (size <= 0) return "a file";
  path.resize(static_cast<std::size_t>(size));
  return path;
}

Result<std::uint64_t> File::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) {
    const int error = errno;
    return Failure(system_error(error, "measure the size of", name()));
  }
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace reactor
