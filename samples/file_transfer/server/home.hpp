// What belongs to one user: a folder that nothing leads out of, and so many bytes of it.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"

namespace file_transfer {

/// One for all sessions of a user, on one thread; so no two of them can take the same bytes of the quota.
class Home {
 public:
  /// Makes the folders `root/user` and `root/.uploads/user` where there are none. What is in them
  /// uses `used_bytes` of the quota, which is 0 until set_quota().
  [[nodiscard]] static reactor::Result<Home> open(const std::string& root, const std::string& user,
                                                  std::uint64_t used_bytes);

  /// What is in those two folders uses. Uploads that nobody has gone on with for a week are removed.
  ///
  /// Errors    As open() and usage_below().
  /// Cost      A look at each file.
  [[nodiscard]] static reactor::Result<std::uint64_t> count(const std::string& root,
                                                            const std::string& user);

  /// A regular file, or a folder, to be read. No path leads over a symbolic link.
  struct Found {
    reactor::File file;
    bool is_folder = false;
    std::uint64_t size = 0;
  };
  [[nodiscard]] reactor::Result<Found> find(const std::string& path) const;

  [[nodiscard]] reactor::Result<void> make_folder(const std::string& path);
  [[nodiscard]] reactor::Result<void> remove_file(const std::string& path);
  [[nodiscard]] reactor::Result<void> remove_folder(const std::string& path);

  [[nodiscard]] bool is_uploading(const std::string& path) const;

  /// What of an upload is there already.
  struct Partial {
    reactor::File file;
    std::uint64_t size = 0;
  };
  /// Reserves `size` bytes for a file that is to get this path, which nobody else uploads to until
  /// store() or release().
  ///
  /// Errors    device_or_resource_busy, disk_quota_exceeded as EDQUOT, and what the kernel says of the path
  [[nodiscard]] reactor::Result<Partial> reserve(const std::string& path, std::uint64_t size);

  /// Gives the upload its name, in place of what has it. Tells the folder, which has to be synced for
  /// the name to outlast a crash.
  [[nodiscard]] reactor::Result<reactor::File> store(const std::string& path,
                                                     const reactor::File& file);

  /// Gives back what was reserved and not received, and with `remove` all of it.
  void release(const std::string& path, std::uint64_t size, bool remove);

  [[nodiscard]] std::uint64_t quota_bytes() const { return quota_bytes_; }
  [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_; }
  void set_quota(std::uint64_t bytes) { quota_bytes_ = bytes; }

 private:
  [[nodiscard]] reactor::Result<reactor::File> open_parent(const std::string& path) const;
  [[nodiscard]] reactor::Result<void> charge(std::uint64_t bytes);
  void refund(std::uint64_t bytes);

  reactor::File folder_;
  reactor::File uploads_;
  std::uint64_t quota_bytes_ = 0;
  std::uint64_t used_bytes_ = 0;
  std::set<std::string> uploading_;
};

}  // namespace file_transfer
