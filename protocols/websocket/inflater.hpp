// What a decoder needs of a decompression library for permessage-deflate (RFC 7692).
#pragma once

#include <cstddef>
#include <span>

#include "protocols/bytes.hpp"

namespace protocols::inline v0::websocket {

/// Inflates the raw DEFLATE data (RFC 1951) of the messages of one direction of a connection. An
/// implementation wraps a library such as zlib.
///
/// The decoder passes all of a message's data, and the 00 00 FF FF that its sender has left out.
class Inflater {
 public:
  /// What one call has consumed and produced.
  struct Step {
    std::size_t consumed = 0;  ///< How much of `in` was read.
    std::size_t produced = 0;  ///< How much of `out` was written.
    bool failed = false;       ///< The data is no DEFLATE data.
  };

  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  virtual ~Inflater() = default;

  /// Reads and writes as much as possible: afterwards `in` is consumed, or `out` is full. Called
  /// again with an empty `in` while `out` was full.
  [[nodiscard]] virtual Step inflate(Bytes in, std::span<std::byte> out) = 0;

  /// The message is complete; without context takeover the next one begins with an empty window.
  virtual void end_message() = 0;
};

}  // namespace protocols::websocket
