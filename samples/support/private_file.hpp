// Files with content that other users must not know: secrets, passwords, accounts.
#pragma once

#include <string>

#include "reactor/file.hpp"

namespace samples {

/// Opens such a file for reading. Throws Failed, with `operation` in the text.
///
/// A file that other users can change is refused. A file that other users can read, or that its
/// group can read or change, causes a warning on standard error. If another user owns the file
/// (most often root), its group may read it, because that is how this process reads it. A file
/// without a name (a pipe, `<(…)` of a shell, a deleted file) is not checked.
///
/// `missing_ok`: returns an empty File if there is no such file.
[[nodiscard]] reactor::File open_private(const std::string& operation, const std::string& path,
                                         bool missing_ok = false);

/// The whole content.
[[nodiscard]] std::string read_private(const std::string& operation, const std::string& path);

/// What is left to read of `file`. An error names `path`.
[[nodiscard]] std::string read_to_end(const reactor::File& file, const std::string& operation,
                                      const std::string& path);

}  // namespace samples
