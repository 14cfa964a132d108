// Reads the names in a folder piece by piece.
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
  /// Reads `folder` from its beginning. `folder` may be open only as a place in the tree (O_PATH).
  [[nodiscard]] static reactor::Result<FolderReader> open(const reactor::File& folder);

  /// Called with a name that is neither `.` nor `..`; false: stop reading for now.
  using OnName = reactor::Callback<bool(const char* name)>;

  /// Continues from the current position. True if there may be more names, because `on_name`
  /// returned false or `stop` was requested.
  ///
  /// Errors    Those of readdir(3).
  [[nodiscard]] reactor::Result<bool> read(const std::stop_token& stop, OnName on_name);

  /// The descriptor of the folder, for openat(2) and similar calls.
  [[nodiscard]] int fd() const { return dirfd(directory_.get()); }

 private:
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };

  explicit FolderReader(DIR* directory) : directory_(directory) {}

  std::unique_ptr<DIR, Close> directory_;
};

}  // namespace samples
