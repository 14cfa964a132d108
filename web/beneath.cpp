#include "web/beneath.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "reactor/file.hpp"
#include "web/open_by_kernel.hpp"

namespace web::inline v0 {
namespace {

using reactor::File;

constexpr std::size_t longest_path_bytes = 4095;  // As for a call of Linux.
constexpr int most_links = 40;
constexpr int most_names = 10000;  // With those that are opened again.

// A walk through folders. Nothing is opened but the names in a folder; `..` goes back to the folder
// through which the walk came, because the current one may have been moved.
class Walk {
 public:
  Walk(int top, Links links) : top_(top), links_(links) {}

  [[nodiscard]] int open(std::string_view path, int flags, mode_t mode) {
    if (path.size() > longest_path_bytes) return fail(ENAMETOOLONG);
    if (!go_on_with(path)) return -1;
    for (;;) {
      const std::size_t slash = left_.find('/');
      const bool is_last = slash == left_.npos;
      std::string name = left_.substr(0, slash);
      left_.erase(0, is_last ? slash : slash + 1);
      if (name.empty()) name = ".";
      if (name == "..") {
        if (!go_back()) return -1;
        name = ".";
      }
      const int fd = is_last ? open_name(at(), name, flags, mode) : open_folder(name);
      const int reason = errno;
      if (const auto target = target_of_link(fd, reason, name)) {
        if (fd >= 0) close(fd);
        if (links_ == Links::refused || ++followed_ > most_links) return fail(ELOOP);
        if (!go_on_with(is_last ? *target : *target + "/" + left_)) return -1;
      } else if (fd < 0 || is_last) {
        return errno = reason, fd;
      } else {
        enter(fd, std::move(name));
      }
    }
  }

 private:
  static int fail(int reason) { return errno = reason, -1; }

  [[nodiscard]] int at() const { return folder_ ? folder_.fd() : top_; }

  [[nodiscard]] int open_folder(const std::string& name) {
    if (++opened_ > most_names) return fail(ELOOP);
    return open_name(at(), name, found_only | O_DIRECTORY | O_CLOEXEC, 0);
  }

  void enter(int fd, std::string name) {
    folder_ = File::own(fd);
    if (name != ".") names_.push_back(std::move(name));
  }

  [[nodiscard]] bool go_on_with(std::string_view path) {
    if (path.empty() || path.front() == '/') return errno = path.empty() ? ENOENT : EXDEV, false;
    left_ = path;
    return true;
  }

  [[nodiscard]] bool go_back() {
    if (names_.empty()) return errno = EXDEV, false;
    names_.pop_back();
    folder_ = File();
    for (const std::string& name : names_) {
      folder_ = File::own(open_folder(name));
      if (!folder_) return false;
    }
    return true;
  }

  // A link is not opened: `reason` is ELOOP, or what the system has instead, or ENOTDIR for a
  // folder. With O_PATH the link itself is opened.
  [[nodiscard]] std::optional<std::string> target_of_link(int fd, int reason,
                                                          const std::string& name) const {
    struct stat status {};
    if (fd < 0 ? reason != ELOOP && reason != EMLINK && reason != ENOTDIR
               : fstat(fd, &status) != 0 || !S_ISLNK(status.st_mode)) {
      return std::nullopt;
    }
    std::string target(longest_path_bytes, '\0');
    const ssize_t size = readlinkat(at(), name.c_str(), target.data(), target.size());
    if (size < 0) return std::nullopt;
    target.resize(static_cast<std::size_t>(size));
    return target;
  }

  const int top_;
  const Links links_;
  std::vector<std::string> names_;  // From `top_` to `folder_`; none of them is a link.
  File folder_;
  std::string left_;
  int followed_ = 0;
  int opened_ = 0;
};

}  // namespace

int open_beneath_by_walking(int folder, std::string_view path, int flags, Links links,
                            mode_t mode) {
  return Walk(folder, links).open(path, flags, mode);
}

int open_beneath(int folder, const std::string& path, int flags, Links links, mode_t mode) {
  const int fd = open_by_kernel(folder, path, flags, links == Links::refused, mode);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
  return open_beneath_by_walking(folder, path, flags, links, mode);
}

}  // namespace web
