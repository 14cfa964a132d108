// Files that hold what nobody else may know: secrets, passwords, accounts.
#pragma once

#include <string>

#include "reactor/file.hpp"

namespace samples {

/// Opens such a file to be read. Fails, as programs do, with `operation` in the text.
///
/// A file that other users can read or write is refused. So is one that its group can read, where
/// the user of this process owns it; where another user does (root most often), the group may read
/// it, as that is how this process does. The group may never write it. A file that has no name
/// (a pipe, `<(…)` of a shell, a deleted file) is not looked at.
///
/// `missing_ok`: an empty File where there is no such file.
[[nodiscard]] reactor::File open_private(const std::string& operation, const std::string& path,
                                         bool missing_ok = false);

/// All of it.
[[nodiscard]] std::string read_private(const std::string& operation, const std::string& path);

/// What is left to read of `file`, whose `path` is for the text of a failure.
[[nodiscard]] std::string read_to_end(const reactor::File& file, const std::string& operation,
                                      const std::string& path);

}  // namespace samples
