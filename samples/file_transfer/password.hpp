// Reads a password from a file, a terminal or standard input.
#pragma once

#include <string>

namespace file_transfer {

/// The first line of `file`. If `file` is empty: a line typed at the terminal without being shown,
/// or the first line of standard input if that is no terminal. Throws samples::Failed. `file` is
/// opened by open_private().
[[nodiscard]] std::string read_password(const std::string& file, const std::string& prompt);

}  // namespace file_transfer
