// A payload behind a JSON header that tells its size: what file transfers written after Python's
// `struct.pack('i', …)` tutorials speak.
//
//     +---------------------+--------------------------+-----------------+
//     | header length: i32, | header, as                | payload, as     |
//     | little-endian       | {"data_size": 5, ...}    | data_size says  |
//     +---------------------+--------------------------+-----------------+
//
// This file reads no JSON: how a header tells the size of its payload is a function that the
// program brings, on top of the JSON library it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <variant>
#include <vector>

#include "protocols/frame_decoder.hpp"

namespace protocols {

/// What a header says about its payload: how many bytes it has, or why that cannot be told.
using PayloadSize = std::variant<std::uint64_t, DecodeError>;

/// Reads a whole header; DecodeError::bad_header where it is not JSON, bad_size where it has no
/// size, or none that a payload can have. Called once a header.
using ReadPayloadSize = std::function<PayloadSize(std::string_view header)>;

/// A header and all of its payload.
struct JsonMessage {
  std::string_view header;
  Bytes payload;
};

struct JsonHeader {
  using Frame = JsonMessage;
  struct Progress {
    std::size_t header_end = 0;
    std::size_t total = 0;  ///< Known once the header has been read, which happens once.
  };

  ReadPayloadSize read_payload_size;  ///< Has to be given.
  std::size_t max_header_bytes = 65536;
  std::size_t max_payload_bytes = 1 << 20;

  /// Errors    DecodeError::too_large, and what `read_payload_size` says, at the last byte of the
  ///           length or of the header
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress) const;
};

/// Cuts a stream into whole messages.
///
///     JsonHeaderDecoder decoder({.read_payload_size = data_size});
using JsonHeaderDecoder = FrameDecoder<JsonHeader>;

/// The header of a message whose payload follows in pieces, if it has any.
struct JsonHead {
  std::string_view header;
  std::uint64_t payload_bytes;
};

/// The next piece of a payload, as it arrived, and how much of it is still to come.
struct PayloadPiece {
  Bytes bytes;
  std::uint64_t remaining;
};

struct JsonHeaderStream {
  using Frame = std::variant<JsonHead, PayloadPiece>;
  using Progress = NoProgress;

  ReadPayloadSize read_payload_size;  ///< Has to be given.
  std::size_t max_header_bytes = 65536;
  std::uint64_t max_payload_bytes = std::uint64_t{1} << 40;
  std::uint64_t remaining = 0;  ///< Of the payload in hand.

  /// Errors    As JsonHeader.
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress&);

  [[nodiscard]] bool at_boundary() const { return remaining == 0; }
};

/// Cuts a stream into headers and pieces of their payloads, and keeps no payload: for uploads of
/// many GiB.
///
///     JsonHeaderStreamDecoder decoder({.read_payload_size = data_size});
using JsonHeaderStreamDecoder = FrameDecoder<JsonHeaderStream>;

/// Appends a header and its length; the payload is what is written next.
void append_json_header(std::vector<std::byte>& out, std::string_view header);

}  // namespace protocols
