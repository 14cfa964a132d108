#include "protocols/json_header.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace protocols::inline v0 {

Parsed<JsonHeaderStream::Frame> JsonHeaderStream::parse(Bytes bytes, Progress&) {
  if (remaining == 0) {
    const Parsed<JsonHead> head = detail::parse_json_head(bytes, *this);
    if (head.verdict != Verdict::frame) return head.without_frame<Frame>();
    remaining = head.value.payload_bytes;
    return Parsed<Frame>::frame(head.value, head.size);
  }
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining, bytes.size()));
  remaining -= size;
  return Parsed<Frame>::frame(PayloadPiece{bytes.first(size), remaining}, size);
}

void append_json_header(std::vector<std::byte>& out, std::string_view header) {
  assert(header.size() <= std::numeric_limits<std::uint32_t>::max());
  append_integer(out, header.size(), detail::json_length_bytes, std::endian::little);
  const Bytes bytes = as_bytes(header);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace protocols
