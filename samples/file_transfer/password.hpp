// A password, from where a person or a script has it.
#pragma once

#include <string>

namespace file_transfer {

/// The first line of `file`, or where that is empty typed at the terminal without being shown, or the
/// first line of standard input where that is none. Fails, as programs do.
/// `file` is opened by open_private().
[[nodiscard]] std::string read_password(const std::string& file, const std::string& prompt);

}  // namespace file_transfer
