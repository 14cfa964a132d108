#include "protocols/cobs.hpp"

#include <algorithm>
#include <cstdint>

namespace protocols::inline v0 {
namespace {

constexpr std::byte zero{0};
constexpr std::size_t full_code = 0xFF;

std::size_t code_at(Bytes bytes, std::size_t at) { return std::to_integer<std::size_t>(bytes[at]); }

}  // namespace

Parsed<Bytes> Cobs::parse(Bytes bytes, Progress& progress) {
  if (bytes.front() == zero) {
    const auto is_data = [](std::byte byte) { return byte != zero; };
    const auto frame = std::find_if(bytes.begin(), bytes.end(), is_data);
    return Parsed<Frame>::skip(static_cast<std::size_t>(frame - bytes.begin()));
  }
  auto& [scanned, block, payload, zero_due] = progress;
  const std::size_t end = std::min(as_text(bytes).find('\0', scanned), bytes.size());
  scanned = end;

  while (block < end) {
    const std::size_t ahead = payload + (zero_due ? 1 : 0);
    if (ahead > max_payload_bytes) return Parsed<Frame>::fail(DecodeError::too_large, block);
    const std::size_t code = code_at(bytes, block);
    const std::size_t arrived = std::min(block + code, end) - block - 1;
    if (arrived > max_payload_bytes - ahead) {
      return Parsed<Frame>::fail(DecodeError::too_large, block + 1 + max_payload_bytes - ahead);
    }
    if (block + code > end) break;
    payload = ahead + code - 1;
    zero_due = code != full_code;
    block += code;
  }
  if (end == bytes.size()) return Parsed<Frame>::need(bytes.size() + 1);
  if (block != end) return Parsed<Frame>::fail(DecodeError::bad_cobs, end);

  const Bytes blocks = bytes.first(end);
  if (code_at(blocks, 0) == end) return Parsed<Frame>::frame(blocks.subspan(1), end + 1);
  unstuff(blocks);
  return Parsed<Frame>::frame(unstuffed_frame, end + 1);
}

void Cobs::unstuff(Bytes blocks) {
  unstuffed_frame.clear();
  while (!blocks.empty()) {
    const std::size_t code = code_at(blocks, 0);
    const Bytes data = blocks.subspan(1, code - 1);
    unstuffed_frame.insert(unstuffed_frame.end(), data.begin(), data.end());
    blocks = blocks.subspan(code);
    if (code != full_code && !blocks.empty()) unstuffed_frame.push_back(zero);
  }
}

}  // namespace protocols
