// Text of strangers, as it may be printed.
#pragma once

#include <string>
#include <string_view>

namespace samples {

/// As UTF-8, in one line that does nothing to a terminal: control characters, and what is no UTF-8,
/// become `\x1b`.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace samples
