#include "protocols/slip.hpp"

#include <algorithm>

namespace protocols::inline v0 {
namespace {

constexpr std::byte end = detail::slip_end;
constexpr std::byte escape = detail::slip_escape;
constexpr std::byte escaped_end = detail::slip_escaped_end[1];
constexpr std::byte escaped_escape = detail::slip_escaped_escape[1];

// The first position of `byte` in [from, to), or `to`.
std::size_t find(Bytes bytes, std::byte byte, std::size_t from, std::size_t to) {
  return from +
         std::min(as_text(bytes.subspan(from, to - from)).find(static_cast<char>(byte)), to - from);
}

}  // namespace

Parsed<Bytes> Slip::parse_carefully(Bytes bytes, Progress& progress) {
  auto& [at, escapes, searched] = progress;
  const std::size_t stop = find(bytes, end, searched, bytes.size());
  searched = stop;

  while (at < stop) {
    const std::size_t special = find(bytes, escape, at, stop);
    const std::size_t payload = special - escapes;
    if (payload > max_payload_bytes || (payload == max_payload_bytes && special < stop)) {
      return Parsed<Frame>::fail(DecodeError::too_large, max_payload_bytes + escapes);
    }
    at = special;
    if (at == stop || at + 1 == bytes.size()) break;
    if (bytes[at + 1] != escaped_end && bytes[at + 1] != escaped_escape) {
      return Parsed<Frame>::fail(DecodeError::bad_escape, at + 1);
    }
    at += 2;
    ++escapes;
  }
  if (stop == bytes.size()) return Parsed<Frame>::need(bytes.size() + 1);

  const Bytes packet = bytes.first(stop);
  if (escapes == 0) return Parsed<Frame>::frame(packet, stop + 1);
  unescape(packet);
  return Parsed<Frame>::frame(unescaped_frame, stop + 1);
}

void Slip::unescape(Bytes packet) {
  unescaped_frame.clear();
  for (std::size_t at = 0; at < packet.size();) {
    const std::size_t special = find(packet, escape, at, packet.size());
    unescaped_frame.insert(unescaped_frame.end(), packet.data() + at, packet.data() + special);
    if (special < packet.size()) {
      unescaped_frame.push_back(packet[special + 1] == escaped_end ? end : escape);
    }
    at = special + 2;
  }
}

}  // namespace protocols
