// What is in a folder, as the answer to `ls` tells it.
#pragma once

#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"

namespace file_transfer {

/// A line for each entry, a JSON object.
///
/// Errors    file_too_large: it would be longer than 32 MiB
[[nodiscard]] reactor::Result<std::string> list_folder(const reactor::File& folder);

}  // namespace file_transfer
