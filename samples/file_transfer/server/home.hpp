// The files of one user: a folder that no path leads out of, and a quota of bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"

namespace file_transfer {

/// All sessions of a user share one Home, on one thread, so no two of them take the same bytes of
/// the quota.
///
/// The kernel needs seconds to remove a large file, when its last descriptor is closed. A removed
/// file therefore stays open until the caller or on_removed() closes it on another thread: see
/// Removed.
class Home {
 public:
  /// Makes the folders `root/user` and `root/.uploads/user` if they do not exist. Their files use
  /// `used_bytes` of the quota, which is 0 until set_quota().
  [[nodiscard]] static reactor::Result<Home> open(const std::string& root, const std::string& user,
                                                  std::uint64_t used_bytes);

  /// What the files in those two folders use. Removes uploads that are untouched for a week.
  ///
  /// Errors    As open() and usage_below().
  /// Cost      A lookup of each file.
  [[nodiscard]] static reactor::Result<std::uint64_t> count(const std::string& root,
                                                            const std::string& user);

  /// A regular file, or a folder, to be read. No path follows a symbolic link.
  struct Found {
    reactor::File file;
    bool is_folder = false;
    std::uint64_t size = 0;
  };
  [[nodiscard]] reactor::Result<Found> find(const std::string& path) const;

  [[nodiscard]] reactor::Result<void> make_folder(const std::string& path);
  /// Returns the file, which has no name any more.
  [[nodiscard]] reactor::Result<reactor::File> remove_file(const std::string& path);
  [[nodiscard]] reactor::Result<void> remove_folder(const std::string& path);

  [[nodiscard]] bool is_uploading(const std::string& path) const;

  /// The part of an upload that exists already.
  struct Partial {
    reactor::File file;
    std::uint64_t size = 0;
  };
  /// Reserves `size` bytes for a file that is to get this path. No other session uploads to the
  /// path until store() or release().
  ///
  /// Errors    device_or_resource_busy, disk_quota_exceeded as EDQUOT, and those of the kernel for
  ///           the path
  [[nodiscard]] reactor::Result<Partial> reserve(const std::string& path, std::uint64_t size);

  /// Replaces the part of such an upload that has arrived by an empty file.
  [[nodiscard]] reactor::Result<reactor::File> begin_anew(const std::string& path);

  struct Stored {
    reactor::File folder;    ///< Must be synced for the name to survive a crash.
    reactor::File replaced;  ///< The file that had the name, if any.
  };
  /// Gives the upload its name, and replaces the file that has it.
  [[nodiscard]] reactor::Result<Stored> store(const std::string& path, const reactor::File& file);

  /// Returns to the quota what was reserved and not received, and with `remove` all of it.
  void release(const std::string& path, std::uint64_t size, bool remove);

  /// `on_removed` gets removed files that no caller gets. Without it they are closed immediately.
  void on_removed(reactor::Callback<void(reactor::File)> on_removed) {
    on_removed_ = std::move(on_removed);
  }

  void let_go(reactor::File file) {
    if (on_removed_) on_removed_(std::move(file));
  }

  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] std::uint64_t quota_bytes() const { return quota_bytes_; }
  [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_; }
  void set_quota(std::uint64_t bytes) { quota_bytes_ = bytes; }

 private:
  [[nodiscard]] reactor::Result<reactor::File> open_parent(const std::string& path) const;
  [[nodiscard]] reactor::Result<void> charge(std::uint64_t bytes);
  void refund(std::uint64_t bytes);
  void remove_upload(const std::string& name);
  [[nodiscard]] reactor::Result<reactor::File> open_upload(const std::string& path,
                                                           const std::string& name) const;

  std::string user_;
  reactor::File folder_;
  reactor::File uploads_;
  std::uint64_t quota_bytes_ = 0;
  std::uint64_t used_bytes_ = 0;
  std::set<std::string> uploading_;
  reactor::Callback<void(reactor::File)> on_removed_;
};

/// A file without a name, for a function on the thread pool to close. If the function never begins,
/// because its client has gone, the Home releases the file with let_go(): the loop does not wait
/// for it either.
class Removed {
 public:
  Removed(std::shared_ptr<Home> home, reactor::File file)
      : home_(std::move(home)), file_(std::move(file)) {}
  Removed(Removed&&) noexcept = default;
  Removed& operator=(Removed&&) = delete;
  ~Removed() {
    if (file_) home_->let_go(std::move(file_));
  }

  /// Thread    Any.
  void close() { file_ = reactor::File(); }

 private:
  std::shared_ptr<Home> home_;
  reactor::File file_;
};

}  // namespace file_transfer
