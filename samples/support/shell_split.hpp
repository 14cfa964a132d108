// A line as a program and its arguments, without a shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace samples {

/// The words of a line: blanks are between them, unless '…' or "…" is around or a backslash before
/// them. A backslash makes of any character itself, but between '…' is one. Nothing else is
/// special: no variable, no pattern, no pipe. Nothing where a quotation is not closed.
[[nodiscard]] std::optional<std::vector<std::string>> shell_split(std::string_view line);

}  // namespace samples
