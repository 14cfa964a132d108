// Which part of a representation a request selects (RFC 9110 14).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// How to respond to a request with a Range field.
struct Range {
  /// What to respond.
  enum class Kind : unsigned char {
    whole,          ///< 200: no range, none that is understood, or several.
    part,           ///< 206, with content_range().
    unsatisfiable,  ///< 416, with unsatisfied_range().
  };

  Kind kind = Kind::whole;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  bool operator==(const Range&) const = default;
};

/// The bytes, out of `total`, that the value of a Range field selects: `bytes=0-499`, `bytes=500-`
/// or, for the last 500, `bytes=-500`. For several ranges the result is the whole, as the RFC
/// allows: it costs the client less than the parts of a multipart/byteranges, and a server much
/// less. The result is the whole also for any range of an empty representation: a client that
/// requests the first piece of each file gets all of an empty one.
[[nodiscard]] Range select_range(std::string_view value, std::uint64_t total);

/// The values of Content-Range.
[[nodiscard]] std::string content_range(const Range& part, std::uint64_t total);
[[nodiscard]] std::string unsatisfied_range(std::uint64_t total);

}  // namespace protocols::http
#pragma GCC visibility pop
