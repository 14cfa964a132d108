#include "samples/support/folder_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace samples {

reactor::Result<FolderReader> FolderReader::open(const reactor::File& folder) {
  const int fd = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const directory = fd >= 0 ? fdopendir(fd) : nullptr;
  if (directory) return FolderReader(directory);
  const int reason = errno;
  if (fd >= 0) close(fd);
  return reactor::Failure(reactor::system_error(reason, "list folder"));
}

reactor::Result<bool> FolderReader::read(const std::stop_token& stop, OnName on_name) {
  while (!stop.stop_requested()) {
    errno = 0;
    const dirent* const entry = readdir(directory_.get());
    if (!entry) {
      if (errno != 0) return reactor::Failure(reactor::system_error(errno, "list folder"));
      return false;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && !on_name(entry->d_name)) return true;
  }
  return true;
}

}  // namespace samples
