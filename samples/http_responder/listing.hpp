// The page that lists what is in a folder.
#pragma once

#include <string>
#include <string_view>

#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "samples/http_responder/files.hpp"

namespace responder {

/// The page of `folder`, which the request called `path`: what `root` serves of it, folders first,
/// with sizes and times. Links are shown as what they lead to.
///
/// Errors    permission_denied: the folder may be entered, but not listed
/// Thread    Any. It takes a system call for each name.
[[nodiscard]] reactor::Result<std::string> list_directory(const Root& root,
                                                          const reactor::File& folder,
                                                          const std::string& path);

/// `1.5 MiB`, `12 B`.
[[nodiscard]] std::string readable_size(std::uint64_t bytes);

}  // namespace responder
