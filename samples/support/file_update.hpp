// Rewrites a file as a whole, in one process at a time.
#pragma once

#include <string>
#include <string_view>

#include "reactor/file.hpp"

namespace samples {

/// The right to replace a file, which one process has at a time. A crash leaves the old file
/// intact: the new one is written as `PATH.new`, and renamed when all of it is on the disk. A
/// symbolic link stays, and the file that it leads to is replaced.
///
///     FileUpdate update("write accounts", path);
///     update.replace(change(read(path)));
///
/// Every function throws Failed on an error, with `operation` in the text.
class FileUpdate {
 public:
  /// Waits while another process has the right.
  FileUpdate(std::string operation, const std::string& path);
  ~FileUpdate();
  FileUpdate(const FileUpdate&) = delete;
  FileUpdate& operator=(const FileUpdate&) = delete;

  /// May be called once. The new file has the owner, the group and the mode of the old one. If
  /// there was none, only its owner can read it, from the beginning.
  void replace(std::string_view content);

 private:
  void check(bool done) const;
  [[nodiscard]] bool lock();
  void write(std::string_view content);
  void take_after_old_file();
  void sync_folder() const;

  const std::string operation_;
  const std::string path_;
  const std::string next_path_;
  reactor::File next_;  // Locked.
  bool replaced_ = false;
};

}  // namespace samples
