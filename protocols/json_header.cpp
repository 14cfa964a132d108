#include "protocols/json_header.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "protocols/integer.hpp"

namespace protocols {
namespace {

constexpr std::size_t length_bytes = 4;

// Both decoders begin a message in the same way.
template <class Options>
Parsed<JsonHead> parse_head(Bytes bytes, const Options& options) {
  using Head = Parsed<JsonHead>;
  if (bytes.size() < length_bytes) return Head::need(length_bytes);
  const std::uint64_t header_bytes = read_integer(bytes, length_bytes, std::endian::little);
  if (header_bytes > options.max_header_bytes) {
    return Head::fail(DecodeError::too_large, length_bytes - 1);
  }
  const std::size_t total = length_bytes + static_cast<std::size_t>(header_bytes);
  if (bytes.size() < total) return Head::need(total);

  const std::string_view header = as_text(bytes.first(total)).substr(length_bytes);
  const PayloadSize size = options.read_payload_size(header);
  if (const auto* error = std::get_if<DecodeError>(&size)) return Head::fail(*error, total - 1);
  const auto payload_bytes = std::get<std::uint64_t>(size);
  if (payload_bytes > options.max_payload_bytes) {
    return Head::fail(DecodeError::too_large, total - 1);
  }
  return Head::frame({header, payload_bytes}, total);
}

}  // namespace

Parsed<JsonMessage> JsonHeader::parse(Bytes bytes, Progress& progress) const {
  auto& [header_end, total] = progress;
  if (total == 0) {
    const Parsed<JsonHead> head = parse_head(bytes, *this);
    if (head.verdict != Verdict::frame) return head.without_frame<Frame>();
    if (head.value.payload_bytes > std::numeric_limits<std::size_t>::max() - head.size) {
      return Parsed<Frame>::fail(DecodeError::too_large, head.size - 1);
    }
    header_end = head.size;
    total = head.size + static_cast<std::size_t>(head.value.payload_bytes);
  }
  if (bytes.size() < total) return Parsed<Frame>::need(total);
  const std::string_view header = as_text(bytes.first(header_end)).substr(length_bytes);
  return Parsed<Frame>::frame({header, bytes.subspan(header_end, total - header_end)}, total);
}

Parsed<JsonHeaderStream::Frame> JsonHeaderStream::parse(Bytes bytes, Progress&) {
  if (remaining == 0) {
    const Parsed<JsonHead> head = parse_head(bytes, *this);
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
  append_integer(out, header.size(), length_bytes, std::endian::little);
  const Bytes bytes = as_bytes(header);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace protocols
