// Files that hold what nobody else may know: secrets, passwords, accounts.
#pragma once

#include <string>

#include "reactor/file.hpp"

namespace samples {

/// Opens such a file to be read. Fails, as programs do, with `operation` in the text.
///
/// A file that other users can change is refused. A file that other users can read, or that its
/// group can read or change, causes a warning on standard error. Where another user owns the file
/// (root most often), its group may read it, as that is how this process reads it. A file that has
/// no name (a pipe, `<(…)` of a shell, a deleted file) is not looked at.
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
