// A payload after a JSON header that contains its size, as in file transfers written after Python's
// `struct.pack('i', …)` tutorials.
//
//     +---------------------+--------------------------+-----------------+
//     | header length: i32, | header, as                | payload, as     |
//     | little-endian       | {"data_size": 5, ...}    | data_size says  |
//     +---------------------+--------------------------+-----------------+
//
// This file reads no JSON. The program provides a function that reads the size of the payload from
// a header, with a JSON library of its choice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <variant>
#include <vector>

#include "protocols/frame_decoder.hpp"

namespace protocols {

/// The size of a payload in bytes, or why the header does not define it.
using PayloadSize = std::variant<std::uint64_t, DecodeError>;

/// Reads a whole header; DecodeError::bad_header if it is not JSON, bad_size if it has no size, or
/// none that a payload can have. Called once for each header.
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
    std::size_t total = 0;  ///< Set when the header has been read, which happens once.
  };

  ReadPayloadSize read_payload_size;  ///< Required.
  std::size_t max_header_bytes = 65536;
  std::size_t max_payload_bytes = 1 << 20;

  /// Errors    DecodeError::too_large, and what `read_payload_size` returns, at the last byte of
  ///           the length or of the header
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

  ReadPayloadSize read_payload_size;  ///< Required.
  std::size_t max_header_bytes = 65536;
  std::uint64_t max_payload_bytes = std::uint64_t{1} << 40;
  std::uint64_t remaining = 0;  ///< Of the current payload.

  /// Errors    As JsonHeader.
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress&);

  [[nodiscard]] bool at_boundary() const { return remaining == 0; }
};

/// Splits a stream into headers and pieces of their payloads, and keeps no payload: for uploads of
/// many GiB.
///
///     JsonHeaderStreamDecoder decoder({.read_payload_size = data_size});
using JsonHeaderStreamDecoder = FrameDecoder<JsonHeaderStream>;

/// Appends a header and its length; the caller then writes the payload.
void append_json_header(std::vector<std::byte>& out, std::string_view header);

}  // namespace protocols
