#include "web/folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "web/file_tag.hpp"
#include "web/open_by_kernel.hpp"

namespace web::inline v0 {

using reactor::File;
using reactor::system_error;

namespace {

bool is_same(int left, int right) {
  struct stat one {};
  struct stat other {};
  return fstat(left, &one) == 0 && fstat(right, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

std::string relative_to_folder(const std::string& path) {
  const std::size_t begin = std::min(path.find_first_not_of('/'), path.size());
  return begin == path.size() ? "." : path.substr(begin);
}

}  // namespace

reactor::Result<Folder> Folder::open(const std::string& path) { return open(path, Options()); }

reactor::Result<Folder> Folder::open(const std::string& path, Options options) {
  File folder = File::own(::open(path.c_str(), found_only | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return reactor::Failure(system_error(errno, "open folder", path));
  return Folder(std::move(folder), options);
}

bool Folder::shows(std::string_view name) const {
  return options_.hidden || !name.starts_with('.') || name.starts_with("..");
}

reactor::Result<Folder::Found> Folder::examine(const std::string& path) const {
  if (path.find('\0') != path.npos) return reactor::Failure(system_error(ENOENT, "open", {}));
  const std::string relative = relative_to_folder(path);
  for (std::size_t begin = 0; begin < relative.size(); ++begin) {
    if (relative != "." && !shows(std::string_view(relative).substr(begin))) {
      return reactor::Failure(system_error(ENOENT, "open", path));
    }
    begin = std::min(relative.find('/', begin), relative.size());
  }
  Found found{.file =
                  File::own(open_beneath(folder_.fd(), relative, found_only | O_CLOEXEC, links()))};
  if (!found.file && errno == ENXIO) return found;
  if (!found.file) return reactor::Failure(system_error(errno, "open", path));

  struct stat status {};
  if (fstat(found.file.fd(), &status) != 0) {
    return reactor::Failure(system_error(errno, "examine", path));
  }
  if (S_ISREG(status.st_mode)) found.kind = Found::Kind::file;
  if (S_ISDIR(status.st_mode)) found.kind = Found::Kind::directory;
  found.size = static_cast<std::uint64_t>(status.st_size);
  found.modified = protocols::http::Date(std::chrono::seconds(status.st_mtim.tv_sec));
  found.etag = file_tag(status);
  return found;
}

reactor::Result<Folder::Found> Folder::find(const std::string& path) const {
  auto found = examine(path);
  if (!found || found->kind != Found::Kind::file) return found;
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const std::string itself = "/proc/self/fd/" + std::to_string(found->file.fd());
  File readable = File::own(::open(itself.c_str(), flags));
  if (!readable && errno == ENOENT) {
    // Without /proc the path is looked up again, and may lead to another file now.
    readable = File::own(open_beneath(folder_.fd(), relative_to_folder(path), flags, links()));
    if (readable && !is_same(readable.fd(), found->file.fd())) {
      return reactor::Failure(system_error(ENOENT, "open", path));
    }
  }
  if (!readable) return reactor::Failure(system_error(errno, "open", path));
  found->file = std::move(readable);
  return found;
}

reactor::Result<FileContent> Folder::open_file(const std::string& path) const {
  auto found = find(path);
  if (!found) return reactor::Failure(found.error());
  if (found->kind != Found::Kind::file) {
    return reactor::Failure(system_error(ENOENT, "open", path));
  }
  return FileContent{.file = std::move(found->file),
                     .size = found->size,
                     .modified = found->modified,
                     .etag = std::move(found->etag),
                     .media_type = std::string(media_type(path))};
}

}  // namespace web
