#include "protocols/slip.hpp"

#include <algorithm>

namespace protocols {
namespace {

constexpr std::byte end{0xC0};
constexpr std::byte escape{0xDB};
constexpr std::byte escaped_end{0xDC};
constexpr std::byte escaped_escape{0xDD};

}  // namespace

Parsed<Bytes> Slip::parse(Bytes bytes, Progress& progress) {
  if (bytes.front() == end) {
    const auto packet =
        std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b != end; });
    return Parsed<Frame>::skip(static_cast<std::size_t>(packet - bytes.begin()));
  }
  auto& [at, escapes] = progress;
  for (; at < bytes.size() && bytes[at] != end; ++at) {
    if (at - escapes == max_payload_bytes) return Parsed<Frame>::fail(DecodeError::too_large, at);
    if (bytes[at] != escape) continue;
    if (at + 1 == bytes.size()) break;
    if (bytes[at + 1] != escaped_end && bytes[at + 1] != escaped_escape) {
      return Parsed<Frame>::fail(DecodeError::bad_escape, at + 1);
    }
    ++at;
    ++escapes;
  }
  if (at == bytes.size() || bytes[at] != end) return Parsed<Frame>::need(bytes.size() + 1);

  const Bytes packet = bytes.first(at);
  if (escapes == 0) return Parsed<Frame>::frame(packet, at + 1);
  unescaped_frame.clear();
  for (auto byte = packet.begin(); byte != packet.end(); ++byte) {
    if (*byte != escape) {
      unescaped_frame.push_back(*byte);
    } else {
      unescaped_frame.push_back(*++byte == escaped_end ? end : escape);
    }
  }
  return Parsed<Frame>::frame(unescaped_frame, at + 1);
}

void append_slip(std::vector<std::byte>& out, Bytes payload) {
  out.push_back(end);
  for (std::byte byte : payload) {
    if (byte == end || byte == escape) {
      out.push_back(escape);
      out.push_back(byte == end ? escaped_end : escaped_escape);
    } else {
      out.push_back(byte);
    }
  }
  out.push_back(end);
}

}  // namespace protocols
