// Splits a line into a program and its arguments, without a shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace samples {

/// The words of a line, separated by blanks. A blank between '…' or "…", or after a backslash, does
/// not separate. A backslash makes any character ordinary, but between '…' it is ordinary itself.
/// Nothing else is special: no variable, no pattern, no pipe. Empty if a quotation is not closed.
[[nodiscard]] std::optional<std::vector<std::string>> shell_split(std::string_view line);

}  // namespace samples
