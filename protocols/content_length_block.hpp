// Blocks behind a header with their length: how the Language Server Protocol and the Debug Adapter
// Protocol send JSON.
//
//     Content-Length: 17\r\n
//     \r\n
//     {"jsonrpc":"2.0"}
//
// Names of fields are the same in any case. Fields other than Content-Length and Content-Type mean
// nothing. The content may be anything.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocols/frame_decoder.hpp"
#include "protocols/output.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// The content of one block, and what its header states about it.
struct ContentBlock {
  /// Of the field Content-Type; empty without one, which means JSON in UTF-8.
  std::string_view content_type;
  Bytes content;
};

/// The protocol of ContentLengthBlockDecoder, and its limits.
struct ContentLengthBlocks {
  using Frame = ContentBlock;
  /// How far an incomplete frame was read.
  struct Progress {
    std::size_t scanned = 0;     ///< Bytes of the current line that were searched.
    std::size_t line_begin = 0;  ///< Of the current line of the header.
    std::size_t colon = 0;       ///< After the name of its field.
    std::size_t header_end = 0;  ///< Set when the header has been read, which happens once.
    std::size_t length = 0;
    bool has_length = false;
    std::size_t type_begin = 0;
    std::size_t type_bytes = 0;
    bool has_type = false;
  };

  std::size_t max_header_bytes = 4096;  ///< With the empty line.
  std::size_t max_content_bytes = 1 << 24;

  /// Errors    DecodeError::bad_field_name, bad_field_value, bad_line_end, bad_content_length
  ///           (missing, repeated, no number), too_large
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress) const;
};

/// Cuts a stream into blocks.
///
///     ContentLengthBlockDecoder decoder({.max_content_bytes = 65536});
///     decoder.feed(bytes);
///     while (auto block = decoder.next()) handle(block->content);
using ContentLengthBlockDecoder = FrameDecoder<ContentLengthBlocks>;

/// Appends a block of JSON, without a Content-Type.
template <Output O>
void append_content_block(O& out, Bytes content) {
  detail::ShortHeader header;
  header.append("Content-Length: ");
  header.append_decimal(content.size());
  header.append("\r\n\r\n");
  detail::append_frame(out, header.view(), content);
}

}  // namespace protocols
#pragma GCC visibility pop
