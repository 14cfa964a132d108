// Opens files under a folder by paths that clients choose, and none outside it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/http/date.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "web/beneath.hpp"
#include "web/file_content.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// A folder to serve.
///
///     auto folder = web::Folder::open("public");
///     if (!folder) return fail(folder.error());
///     server.route("GET", "/static/{path...}",
///                  [&](const web::Request& request, web::Response response) {
///                    response.send_file(folder->open_file(request.parameter("path")));
///                  });
///
/// Thread    Any.
class Folder {
 public:
  /// What is served.
  struct Options {
    /// Follow no symbolic link; otherwise those are followed that stay in the folder.
    bool refuse_links = false;
    /// Open also what has a hidden name: one that begins with exactly one dot.
    bool hidden = false;
  };

  /// What a path leads to.
  struct Found {
    /// The kind of what has this path.
    enum class Kind : unsigned char {
      file,
      directory,
      other,  ///< A FIFO, a socket, a device: not opened, since opening alone may have effects.
    };

    /// Readable for Kind::file; otherwise only a place in the tree (O_PATH). Without such places
    /// it is empty for Kind::other, and a folder is open for reading.
    reactor::File file;
    Kind kind = Kind::other;
    std::uint64_t size = 0;
    protocols::http::Date modified;
    std::string etag;  ///< As FileContent::etag.
  };

  /// Errors    Those of open(2): no_such_file_or_directory, not_a_directory, permission_denied.
  [[nodiscard]] static reactor::Result<Folder> open(const std::string& path);
  [[nodiscard]] static reactor::Result<Folder> open(const std::string& path, Options options);

  /// Opens a path that is percent-decoded already; a slash at its front makes no difference. What
  /// is opened is always under the folder: open_beneath().
  ///
  /// Errors    no_such_file_or_directory, permission_denied, too_many_files_open;
  ///           too_many_symbolic_link_levels, cross_device_link: a link that is not followed.
  [[nodiscard]] reactor::Result<Found> find(const std::string& path) const;

  /// The same for a regular file. The error for anything else is no_such_file_or_directory.
  [[nodiscard]] reactor::Result<FileContent> open_file(const std::string& path) const;

  /// As find(), but a file is not opened for reading.
  [[nodiscard]] reactor::Result<Found> examine(const std::string& path) const;

  /// Whether a file or a folder of this name is served.
  [[nodiscard]] bool shows(std::string_view name) const;

 private:
  [[nodiscard]] Links links() const {
    return options_.refuse_links ? Links::refused : Links::stay_beneath;
  }

  Folder(reactor::File folder, Options options) : folder_(std::move(folder)), options_(options) {}

  reactor::File folder_;
  Options options_;
};

}  // namespace web
#pragma GCC visibility pop
