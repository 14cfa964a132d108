#include "samples/file_transfer/server/usage.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "samples/file_transfer/wire.hpp"
#include "web/beneath.hpp"

namespace file_transfer {
namespace {

using reactor::Result;

// Visits folders from the top down, one after the other. Only their names are kept, because a home
// may be deeper than the number of descriptors.
class Walk {
 public:
  explicit Walk(const reactor::File& top) : top_(top) {}

  [[nodiscard]] Result<std::uint64_t> cost() {
    if (const int error = look_into_folder()) return failed(error);
    while (!unseen_.empty()) {
      std::vector<std::string>& siblings = unseen_.back();
      if (siblings.empty()) {
        unseen_.pop_back();
        if (!path_.empty()) path_.pop_back();
        continue;
      }
      path_.push_back(std::move(siblings.back()));
      siblings.pop_back();
      if (const int error = look_into_folder()) return failed(error);
    }
    return cost_;
  }

 private:
  // Adds the content of the folder at `path_`, and notes the folders in it as unseen.
  [[nodiscard]] int look_into_folder() {
    const auto close = [](DIR* entries) { closedir(entries); };
    const int fd = web::open_beneath(top_.fd(), path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                                     web::Links::refused);
    if (fd < 0) return errno;
    const std::unique_ptr<DIR, decltype(close)> entries(fdopendir(fd), close);
    if (!entries) {
      const int error = errno;
      ::close(fd);
      return error;
    }
    std::vector<std::string> folders;
    for (;;) {
      errno = 0;
      const dirent* const entry = readdir(entries.get());
      if (!entry && errno != 0) return errno;
      if (!entry) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat status {};
      if (fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // It has been removed.
        return errno;
      }
      cost_ += cost_of(status);
      if (S_ISDIR(status.st_mode)) folders.push_back(name);
    }
    unseen_.push_back(std::move(folders));
    return 0;
  }

  [[nodiscard]] std::string path() const {
    std::string joined = ".";
    for (const std::string& name : path_) joined += "/" + name;
    return joined;
  }

  [[nodiscard]] reactor::Failure failed(int error) const {
    return reactor::Failure(reactor::system_error(error, "count files below", encode_name(path())));
  }

  const reactor::File& top_;
  std::uint64_t cost_ = 0;
  std::vector<std::string> path_;
  std::vector<std::vector<std::string>> unseen_;  // The folders of each level down to `path_`.
};

}  // namespace

std::uint64_t cost_of_file(std::uint64_t size) {
  return block_bytes + (size + block_bytes - 1) / block_bytes * block_bytes;
}

std::uint64_t cost_of(const struct stat& status) {
  return S_ISREG(status.st_mode) ? cost_of_file(static_cast<std::uint64_t>(status.st_size))
                                 : block_bytes;
}

bool fits(const std::string& path) {
  return path.size() <= longest_path_bytes &&
         std::count(path.begin(), path.end(), '/') < std::ptrdiff_t{most_names};
}

Result<std::uint64_t> usage_below(const reactor::File& folder) { return Walk(folder).cost(); }

}  // namespace file_transfer
