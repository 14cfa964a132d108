#include "samples/file_transfer/server/home.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>

#include "samples/file_transfer/server/usage.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/sha256.hpp"
#include "web/beneath.hpp"

namespace file_transfer {
namespace {

using reactor::Failure;
using reactor::File;
using reactor::Result;
using reactor::system_error;
using web::Links;

constexpr auto longest_pause = std::chrono::hours(24 * 7);

Failure failed(const std::string& operation, const std::string& path, int number = errno) {
  return Failure(system_error(number, operation, encode_name(path.empty() ? "/" : path)));
}

void remove_abandoned(const std::string& uploads) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(uploads, error)) {
    const auto changed = entry.last_write_time(error);
    if (!error && fs::file_time_type::clock::now() - changed > longest_pause) {
      fs::remove(entry.path(), error);
    }
  }
}

// Equal for equal paths, and a valid name whatever bytes the path has.
std::string upload_name(const std::string& path) {
  samples::Sha256 hash;
  hash.update(protocols::as_bytes(path));
  return samples::to_hex(hash.digest());
}

Result<File> make_and_open(int at, const std::string& name) {
  if (mkdirat(at, name.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    return failed("make folder", name);
  auto folder =
      File::own(openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return failed("open folder", name);
  return folder;
}

// Keeps a file from being freed while its name is removed. O_PATH does not open it, whatever it is.
File hold(int folder, const std::string& name) {
  return File::own(openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

Result<Home> Home::open(const std::string& root, const std::string& user,
                        std::uint64_t used_bytes) {
  const auto top = File::own(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return failed("open folder", root);
  auto all_uploads = make_and_open(top.fd(), ".uploads");
  if (!all_uploads) return Failure(all_uploads.error());
  auto folder = make_and_open(top.fd(), user);
  if (!folder) return Failure(folder.error());
  auto uploads = make_and_open(all_uploads->fd(), user);
  if (!uploads) return Failure(uploads.error());
  Home home;
  home.user_ = user;
  home.folder_ = std::move(*folder);
  home.uploads_ = std::move(*uploads);
  home.used_bytes_ = used_bytes;
  return home;
}

Result<std::uint64_t> Home::count(const std::string& root, const std::string& user) {
  const auto home = open(root, user, 0);
  if (!home) return Failure(home.error());
  remove_abandoned(root + "/.uploads/" + user);
  const auto files = usage_below(home->folder_);
  if (!files) return Failure(files.error());
  const auto uploads = usage_below(home->uploads_);
  if (!uploads) return Failure(uploads.error());
  return *files + *uploads;
}

Result<Home::Found> Home::find(const std::string& path) const {
  // Without O_NONBLOCK a FIFO would block the loop until a writer opens it.
  Found found{.file = File::own(web::open_beneath(folder_.fd(), path.empty() ? "." : path,
                                                  O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                                                  Links::refused))};
  if (!found.file) return failed("open", path);
  struct stat status {};
  if (fstat(found.file.fd(), &status) != 0) return failed("open", path);
  found.is_folder = S_ISDIR(status.st_mode);
  if (!found.is_folder && !S_ISREG(status.st_mode)) return failed("open", path, EINVAL);
  found.size = static_cast<std::uint64_t>(status.st_size);
  return found;
}

Result<void> Home::make_folder(const std::string& path) {
  if (!fits(path)) return failed("make folder", path, ENAMETOOLONG);
  const auto parent = open_parent(path);
  if (!parent) return Failure(parent.error());
  if (auto charged = charge(block_bytes); !charged) return charged;
  if (mkdirat(parent->fd(), split_path(path).name.c_str(), S_IRWXU) == 0) return {};
  const int reason = errno;
  refund(block_bytes);
  return failed("make folder", path, reason);
}

Result<File> Home::remove_file(const std::string& path) {
  const auto parent = open_parent(path);
  if (!parent) return Failure(parent.error());
  const std::string name = split_path(path).name;
  File file = hold(parent->fd(), name);
  struct stat status {};
  if (!file || fstat(file.fd(), &status) != 0 || unlinkat(parent->fd(), name.c_str(), 0) != 0) {
    return failed("remove", path);
  }
  refund(cost_of(status));
  return file;
}

Result<void> Home::remove_folder(const std::string& path) {
  const auto parent = open_parent(path);
  if (!parent) return Failure(parent.error());
  if (unlinkat(parent->fd(), split_path(path).name.c_str(), AT_REMOVEDIR) != 0) {
    return failed("remove folder", path);
  }
  refund(block_bytes);
  return {};
}

bool Home::is_uploading(const std::string& path) const {
  return uploading_.count(upload_name(path)) != 0;
}

Result<Home::Partial> Home::reserve(const std::string& path, std::uint64_t size) {
  if (!fits(path)) return failed("upload", path, ENAMETOOLONG);
  const auto parent = open_parent(path);
  if (!parent) return Failure(parent.error());
  const Split split = split_path(path);
  struct stat status {};
  if (fstatat(parent->fd(), split.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(status.st_mode)) return failed("upload", path, EISDIR);
  } else if (errno != ENOENT) {
    return failed("upload", path);
  }
  const std::string name = upload_name(path);
  if (uploading_.count(name) != 0) return failed("upload", path, EBUSY);
  const bool is_new = faccessat(uploads_.fd(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  auto file = open_upload(path, name);
  if (!file) return Failure(file.error());
  if (fstat(file->fd(), &status) != 0) return failed("upload", path);
  Partial partial{.file = std::move(*file), .size = static_cast<std::uint64_t>(status.st_size)};
  const std::uint64_t had = is_new ? 0 : cost_of(status);
  if (partial.size > size) {
    auto anew = begin_anew(path);
    if (!anew) return Failure(anew.error());
    partial = {.file = std::move(*anew), .size = 0};
  }
  refund(had);
  if (auto charged = charge(cost_of_file(size)); !charged) {
    is_new ? remove_upload(name) : void(used_bytes_ += cost_of_file(partial.size));
    return Failure(charged.error());
  }
  uploading_.insert(name);
  return partial;
}

Result<File> Home::begin_anew(const std::string& path) {
  const std::string name = upload_name(path);
  remove_upload(name);
  return open_upload(path, name);
}

Result<File> Home::open_upload(const std::string& path, const std::string& name) const {
  File file = File::own(openat(uploads_.fd(), name.c_str(),
                               O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return failed("upload", path);
  return file;
}

void Home::remove_upload(const std::string& name) {
  File file = hold(uploads_.fd(), name);
  unlinkat(uploads_.fd(), name.c_str(), 0);
  if (file) let_go(std::move(file));
}

Result<Home::Stored> Home::store(const std::string& path, const File& file) {
  const std::string name = upload_name(path);
  auto parent = open_parent(path);
  if (!parent) return Failure(parent.error());
  const Split split = split_path(path);
  File replaced = hold(parent->fd(), split.name);
  struct stat status {};
  const bool replaces = replaced && fstat(replaced.fd(), &status) == 0;
  if (fchmod(file.fd(), S_IRUSR | S_IWUSR) != 0 ||
      renameat(uploads_.fd(), name.c_str(), parent->fd(), split.name.c_str()) != 0) {
    return failed("upload", path);
  }
  if (replaces) refund(cost_of(status));
  uploading_.erase(name);
  return Stored{std::move(*parent), std::move(replaced)};
}

void Home::release(const std::string& path, std::uint64_t size, bool remove) {
  const std::string name = upload_name(path);
  if (uploading_.erase(name) == 0) return;
  struct stat status {};
  const bool there = fstatat(uploads_.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (remove || !there || status.st_size == 0) {
    remove_upload(name);
    return refund(cost_of_file(size));
  }
  refund(cost_of_file(size) - std::min(cost_of_file(size), cost_of(status)));
}

Result<File> Home::open_parent(const std::string& path) const {
  if (path.empty()) return failed("change", path, EBUSY);
  const std::string folder = split_path(path).folder;
  auto parent = File::own(web::open_beneath(folder_.fd(), folder.empty() ? "." : folder,
                                            O_RDONLY | O_DIRECTORY | O_CLOEXEC, Links::refused));
  if (!parent) return failed("open folder", folder);
  return parent;
}

Result<void> Home::charge(std::uint64_t bytes) {
  const std::uint64_t left = quota_bytes_ - std::min(quota_bytes_, used_bytes_);
  if (bytes > left) {
    auto error = system_error(EDQUOT, "reserve " + std::to_string(bytes) + " bytes");
    error.hint = std::to_string(left) + " of " + std::to_string(quota_bytes_) + " are left";
    return Failure(std::move(error));
  }
  used_bytes_ += bytes;
  return {};
}

void Home::refund(std::uint64_t bytes) { used_bytes_ -= std::min(used_bytes_, bytes); }

}  // namespace file_transfer
