#include "samples/file_transfer/server/listing.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "samples/file_transfer/wire.hpp"

namespace file_transfer {
namespace {

Json describe(const std::string& name, const struct stat& status) {
  Json entry{{"name", encode_name(name)}};
  entry["kind"] = S_ISREG(status.st_mode) ? "file" : S_ISDIR(status.st_mode) ? "folder" : "other";
  if (S_ISREG(status.st_mode)) entry["size"] = status.st_size;
  return entry;
}

}  // namespace

reactor::Result<std::string> list_folder(const reactor::File& folder) {
  const auto close = [](DIR* entries) { closedir(entries); };
  const int fd = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, decltype(close)> entries(fd >= 0 ? fdopendir(fd) : nullptr, close);
  if (!entries) return reactor::Failure(reactor::system_error(errno, "list folder"));
  std::string lines;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name == "." || name == ".." ||
        fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    lines += describe(name, status).dump() + "\n";
    if (lines.size() > longest_listing_bytes) {
      return reactor::Failure(reactor::system_error(EFBIG, "list folder"));
    }
  }
  return lines;
}

}  // namespace file_transfer
