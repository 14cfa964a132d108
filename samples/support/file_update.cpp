#include "samples/support/file_update.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "samples/support/failed.hpp"

namespace samples {
namespace {

constexpr mode_t owner_only = S_IRUSR | S_IWUSR;

std::string behind_links(const std::string& operation, const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> whole(realpath(path.c_str(), nullptr),
                                                          &std::free);
  if (whole) return whole.get();
  struct stat info {};
  const bool is_there = lstat(path.c_str(), &info) == 0;
  if (is_there || errno != ENOENT) {
    throw Failed(reactor::system_error(is_there ? ENOENT : errno, operation, path));
  }
  return path;
}

}  // namespace

FileUpdate::FileUpdate(std::string operation, const std::string& path)
    : operation_(std::move(operation)),
      path_(behind_links(operation_, path)),
      next_path_(path_ + ".new") {
  while (!lock()) continue;
}

FileUpdate::~FileUpdate() {
  if (!replaced_) unlink(next_path_.c_str());
}

void FileUpdate::check(bool done) const {
  if (!done) throw Failed(reactor::system_error(errno, operation_, path_));
}

// False if another process has renamed or removed the file that this one waited for.
bool FileUpdate::lock() {
  next_ = reactor::File::own(
      open(next_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, owner_only));
  if (!next_) throw Failed(reactor::system_error(errno, operation_, next_path_));
  while (flock(next_.fd(), LOCK_EX) != 0) check(errno == EINTR);
  struct stat locked {};
  struct stat named {};
  check(fstat(next_.fd(), &locked) == 0);
  if (!S_ISREG(locked.st_mode) || locked.st_nlink > 1) {
    throw Failed(operation_ + " " + next_path_ + ": it is no file of this program; remove it");
  }
  return lstat(next_path_.c_str(), &named) == 0 && locked.st_dev == named.st_dev &&
         locked.st_ino == named.st_ino;
}

void FileUpdate::replace(std::string_view content) {
  write(content);
  take_after_old_file();
  check(fsync(next_.fd()) == 0);
  check(rename(next_path_.c_str(), path_.c_str()) == 0);
  replaced_ = true;
  sync_folder();
}

// A file that remains from a crash may have another mode already.
void FileUpdate::write(std::string_view content) {
  check(fchmod(next_.fd(), owner_only) == 0 && ftruncate(next_.fd(), 0) == 0);
  off_t offset = 0;
  while (!content.empty()) {
    const ssize_t size = pwrite(next_.fd(), content.data(), content.size(), offset);
    check(size >= 0 || errno == EINTR);
    if (size < 0) continue;
    content.remove_prefix(static_cast<std::size_t>(size));
    offset += size;
  }
}

void FileUpdate::take_after_old_file() {
  struct stat old {};
  struct stat next {};
  if (stat(path_.c_str(), &old) != 0) return check(errno == ENOENT);
  check(fstat(next_.fd(), &next) == 0);
  if (next.st_uid != old.st_uid || next.st_gid != old.st_gid) {
    const bool kept = fchown(next_.fd(), old.st_uid, old.st_gid) == 0;
    if (!kept) {
      reactor::Error error = reactor::system_error(errno, operation_, path_);
      error.hint = "its owner or group is another, and has to stay so";
      throw Failed(error);
    }
  }
  check(fchmod(next_.fd(), old.st_mode & 07777) == 0);
}

void FileUpdate::sync_folder() const {
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const auto opened = reactor::File::own(
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  check(opened && fsync(opened.fd()) == 0);
}

}  // namespace samples
