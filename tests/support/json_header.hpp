// Helpers that the tests of json_header share. Their header is only the payload size, since the
// program decides how to read JSON. Frames are shown as text.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "protocols/json_header.hpp"

inline protocols::PayloadSize read_number(std::string_view header) {
  using protocols::DecodeError;
  std::uint64_t size = 0;
  if (header.starts_with('-')) return DecodeError::bad_size;
  const char* end = header.data() + header.size();
  const auto read = std::from_chars(header.data(), end, size);
  if (read.ec == std::errc::result_out_of_range) return DecodeError::too_large;
  if (read.ec != std::errc() || read.ptr != end) return DecodeError::bad_header;
  return size;
}

namespace protocols {

inline std::string describe(const JsonMessage& message) {
  return "[" + std::string(message.header) + "|" + std::string(as_text(message.payload)) + "]";
}

// Pieces depend on the cut, so their text shows only their concatenation.
inline std::string describe(const JsonHeaderStream::Frame& event) {
  if (const auto* head = std::get_if<JsonHead>(&event)) return std::string(head->header) + ">";
  const auto& piece = std::get<PayloadPiece>(event);
  return std::string(as_text(piece.bytes)) + (piece.remaining == 0 ? "." : "");
}

}  // namespace protocols
