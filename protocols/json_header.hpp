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

#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <variant>

#include "protocols/frame_decoder.hpp"
#include "protocols/integer.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

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

/// The protocol of JsonHeaderDecoder, and its limits.
struct JsonHeader {
  using Frame = JsonMessage;
  /// How far an incomplete frame was read.
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

/// The protocol of JsonHeaderStreamDecoder, and its limits.
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
template <Output O>
void append_json_header(O& out, std::string_view header);

namespace detail {

inline constexpr std::size_t json_length_bytes = 4;

// Both decoders begin a message in the same way.
template <class Options>
Parsed<JsonHead> parse_json_head(Bytes bytes, const Options& options) {
  using Head = Parsed<JsonHead>;
  if (bytes.size() < json_length_bytes) return Head::need(json_length_bytes);
  const std::uint64_t header_bytes = read_integer(bytes, json_length_bytes, std::endian::little);
  if (header_bytes > options.max_header_bytes) {
    return Head::fail(DecodeError::too_large, json_length_bytes - 1);
  }
  const std::size_t total = json_length_bytes + static_cast<std::size_t>(header_bytes);
  if (bytes.size() < total) return Head::need(total);

  const std::string_view header = as_text(bytes.first(total).subspan(json_length_bytes));
  const PayloadSize size = options.read_payload_size(header);
  const auto* const payload_bytes = std::get_if<std::uint64_t>(&size);
  if (!payload_bytes) return Head::fail(*std::get_if<DecodeError>(&size), total - 1);
  if (*payload_bytes > options.max_payload_bytes) {
    return Head::fail(DecodeError::too_large, total - 1);
  }
  return Head::frame({header, *payload_bytes}, total);
}

}  // namespace detail

template <Output O>
void append_json_header(O& out, std::string_view header) {
  assert(header.size() <= std::numeric_limits<std::uint32_t>::max());
  const auto length = integer_bytes(header.size(), detail::json_length_bytes, std::endian::little);
  const Bytes length_bytes = Bytes(length).first(detail::json_length_bytes);
  detail::append_frame(out, length_bytes, as_bytes(header));
}

inline Parsed<JsonMessage> JsonHeader::parse(Bytes bytes, Progress& progress) const {
  auto [header_end, total] = progress;
  if (total == 0) {
    const Parsed<JsonHead> head = detail::parse_json_head(bytes, *this);
    if (head.verdict != Verdict::frame) return head.without_frame<Frame>();
    if (head.value.payload_bytes > std::numeric_limits<std::size_t>::max() - head.size) {
      return Parsed<Frame>::fail(DecodeError::too_large, head.size - 1);
    }
    header_end = head.size;
    total = head.size + static_cast<std::size_t>(head.value.payload_bytes);
  }
  if (bytes.size() < total) {
    progress = {header_end, total};
    return Parsed<Frame>::need(total);
  }
  const Bytes header = bytes.first(header_end).subspan(detail::json_length_bytes);
  return Parsed<Frame>::frame({as_text(header), bytes.subspan(header_end, total - header_end)},
                              total);
}

}  // namespace protocols
#pragma GCC visibility pop
