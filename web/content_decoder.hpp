// Decompresses the bodies of responses, in steps. Internal.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "protocols/bytes.hpp"

namespace web::inline v0 {

/// One content coding: `gzip` (RFC 1952, also several members), or `deflate` (RFC 1950, or without
/// its wrapper, as some servers send it).
class ContentDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool failed = false;
  };

  /// What requests list in Accept-Encoding; empty if the library was built without zlib.
  [[nodiscard]] static std::string_view accepted();

  /// Null for a coding that is not supported, or where there is no memory.
  [[nodiscard]] static std::unique_ptr<ContentDecoder> create(std::string_view coding);

  virtual ~ContentDecoder() = default;

  /// Consumes from `in` and fills `out` as far as both last. Call it until it produces nothing and
  /// consumes nothing.
  [[nodiscard]] virtual Step decode(protocols::Bytes in, std::span<std::byte> out) = 0;

  /// Whether the body is complete.
  [[nodiscard]] virtual bool at_end() const = 0;
};

}  // namespace web
