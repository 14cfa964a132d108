// The names in a folder, read piece by piece.
#pragma once

#include <dirent.h>

#include <memory>
#include <stop_token>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"

namespace samples {

/// A position in the list of a folder's names.
///
/// Thread    Any, one at a time.
/// Cost      A descriptor, and some 32 KiB that the C library reads ahead.
class FolderReader {
 public:
  /// Reads `folder` from its beginning. It may be one that is open for its place only (O_PATH).
  [[nodiscard]] static reactor::Result<FolderReader> open(const reactor::File& folder);

  /// Called with a name that is neither `.` nor `..`; false: read no more for now.
  using OnName = reactor::Callback<bool(const char* name)>;

  /// Goes on where it stands. True where there may be more names: `on_name` said so, or `stop` was
  /// requested.
  ///
  /// Errors    What readdir(3) says.
  [[nodiscard]] reactor::Result<bool> read(const std::stop_token& stop, OnName on_name);

  /// The folder, for openat(2) and its like.
  [[nodiscard]] int fd() const { return dirfd(directory_.get()); }

 private:
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };

  explicit FolderReader(DIR* directory) : directory_(directory) {}

  std::unique_ptr<DIR, Close> directory_;
};

}  // namespace samples
