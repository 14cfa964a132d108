// A file to send: its bytes, and what HTTP states about them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/http/date.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// An open file with its size, time, tag and type.
///
///     response.send_file(web::FileContent::open("report.pdf"));
///
/// For paths that clients choose, use a Folder.
struct FileContent {
  /// Opens a regular file by a path that the program chose.
  ///
  /// Errors    As reactor::File::open.
  [[nodiscard]] static reactor::Result<FileContent> open(const std::string& path);

  reactor::File file;
  std::uint64_t size = 0;
  protocols::http::Date modified{};
  std::string etag;  ///< Changes with each change: made of the time, in nanoseconds, and the size.
  std::string media_type;
};

/// The Content-Type for the extension of a name; `application/octet-stream` for an unknown one.
[[nodiscard]] std::string_view media_type(std::string_view path);

/// The status for a file that could not be opened: 403, 503 when there are no descriptors left, or
/// else 404.
[[nodiscard]] int status_of_file_error(const reactor::Error& error);

}  // namespace web
#pragma GCC visibility pop
