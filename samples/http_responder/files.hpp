// Opens files under a root folder, and none outside it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/http/date.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "web/beneath.hpp"

namespace responder {

/// What a path leads to.
struct Found {
  enum class Kind : unsigned char {
    file,
    directory,
    other,  ///< A FIFO, a socket, a device: it is not opened, since opening alone may have effects.
  };

  reactor::File file;  ///< Readable for Kind::file; otherwise only a place in the tree (O_PATH).
  Kind kind = Kind::other;
  std::uint64_t size = 0;
  protocols::http::Date modified;
  std::string etag;  ///< Changes with each change: made of the time, in nanoseconds, and the size.
};

/// A folder to serve.
class Root {
 public:
  /// With `refuse_links` no symbolic link is followed; otherwise those are that stay under the
  /// root. With `hidden` files with hidden names are served, too.
  Root(const std::string& path, bool refuse_links, bool hidden);

  /// Opens a path that protocols::http::decode_path() returned. What is opened is always under the
  /// root: web::open_beneath().
  ///
  /// Thread    Any.
  [[nodiscard]] reactor::Result<Found> open(const std::string& path) const;

  /// As open(), but a file is not opened for reading.
  [[nodiscard]] reactor::Result<Found> examine(const std::string& path) const;

  /// True if a file or a folder of this name is served and listed. A name is hidden if it begins
  /// with exactly one dot.
  [[nodiscard]] bool shows(std::string_view name) const;

 private:
  reactor::File folder_;
  web::Links links_;
  bool hidden_;
};

/// The Content-Type for the extension of a name.
[[nodiscard]] std::string_view media_type(std::string_view path);

}  // namespace responder
