#include "protocols/json_header.hpp"

#include <algorithm>

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

}  // namespace protocols
