// The files under a root, and nothing that is not.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/http/date.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "samples/support/beneath.hpp"

namespace responder {

/// What a path leads to.
struct Found {
  enum class Kind : unsigned char { file, directory, other };

  reactor::File file;
  Kind kind = Kind::other;
  std::uint64_t size = 0;
  protocols::http::Date modified;
  std::string etag;  ///< Other with each change: made of the time, to the nanosecond, and the size.
};

/// A folder to serve.
class Root {
 public:
  /// With `refuse_links` no symbolic link is followed; otherwise those that stay under the root are.
  Root(const std::string& path, bool refuse_links);

  /// Opens a path as protocols::http::decode_path() gives it. What is opened lies under
  /// the root: samples::open_beneath().
  [[nodiscard]] reactor::Result<Found> open(const std::string& path) const;

 private:
  reactor::File folder_;
  samples::Links links_;
};

/// The page that lists what is in a folder, which the request called `path`.
[[nodiscard]] std::string list_directory(const reactor::File& folder, std::string_view path);

/// The Content-Type that the end of a name stands for.
[[nodiscard]] std::string_view media_type(std::string_view path);

}  // namespace responder
