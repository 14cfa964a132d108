// The baseline for decoders: for each format a loop as written by hand, for this format alone,
// without a class for buffering and without positions in errors.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "protocols/bytes.hpp"

namespace bench {

using protocols::Bytes;

/// The frame at the front of the received bytes.
struct FrameByHand {
  Bytes content;
  std::size_t size = 0;  ///< Of the whole frame with its framing; 0 while its end is missing.
};

/// Frames that are complete in the chunk are views of it. An incomplete one is kept until its end.
template <class Format>
class ByHand {
 public:
  explicit ByHand(Format format) : format_(format) {}

  template <class Consumer>
  void feed(Bytes chunk, Consumer& consumer) {
    if (!tail_.empty()) {
      const std::size_t before = tail_.size();
      tail_.insert(tail_.end(), chunk.begin(), chunk.end());
      const FrameByHand frame = format_.read(tail_);
      if (frame.size == 0) return;
      consumer(frame.content);
      chunk = chunk.subspan(frame.size - before);
      tail_.clear();
    }
    while (!chunk.empty()) {
      const FrameByHand frame = format_.read(chunk);
      if (frame.size == 0) break;
      consumer(frame.content);
      chunk = chunk.subspan(frame.size);
    }
    tail_.assign(chunk.begin(), chunk.end());
  }

 private:
  Format format_;
  std::vector<std::byte> tail_;
};

struct FixedByHand {
  std::size_t frame_bytes;
  [[nodiscard]] FrameByHand read(Bytes bytes) const {
    if (bytes.size() < frame_bytes) return {};
    return {bytes.first(frame_bytes), frame_bytes};
  }
};

struct LinesByHand {
  std::size_t longest;
  [[nodiscard]] FrameByHand read(Bytes bytes) const {
    const void* found = std::memchr(bytes.data(), '\n', bytes.size());
    if (!found) return {};
    const auto size = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    return size <= longest ? FrameByHand{bytes.first(size), size + 1} : FrameByHand{};
  }
};

struct DelimitedByHand {
  std::size_t longest;
  [[nodiscard]] FrameByHand read(Bytes bytes) const {
    const void* found = memmem(bytes.data(), bytes.size(), "\r\n\r\n", 4);
    if (!found) return {};
    const auto size = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    return size <= longest ? FrameByHand{bytes.first(size), size + 4} : FrameByHand{};
  }
};

struct LengthPrefixedByHand {
  std::size_t longest;
  [[nodiscard]] FrameByHand read(Bytes bytes) const {
    if (bytes.size() < 4) return {};
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data(), 4);
    length = __builtin_bswap32(length);
    if (length > longest || bytes.size() - 4 < length) return {};
    return {bytes.subspan(4, length), 4 + std::size_t{length}};
  }
};

struct NetstringByHand {
  std::size_t longest;
  [[nodiscard]] FrameByHand read(Bytes bytes) const {
    std::size_t length = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto byte = std::to_integer<std::size_t>(bytes[i]);
      if (byte == ':') {
        if (length > longest || bytes.size() - i - 1 < length + 1) return {};
        return {bytes.subspan(i + 1, length), i + length + 2};
      }
      length = length * 10 + byte - '0';
    }
    return {};
  }
};

struct JsonHeaderByHand {
  std::size_t longest;
  [[nodiscard]] FrameByHand read(Bytes bytes) const {
    if (bytes.size() < 4) return {};
    std::uint32_t header = 0;
    std::memcpy(&header, bytes.data(), 4);
    if (header > longest || bytes.size() - 4 < header) return {};
    std::size_t payload = 0;
    for (const std::byte digit : bytes.subspan(4, header)) {
      payload = payload * 10 + std::to_integer<std::size_t>(digit) - '0';
    }
    const std::size_t begin = 4 + std::size_t{header};
    if (payload > longest || bytes.size() - begin < payload) return {};
    return {bytes.subspan(begin, payload), begin + payload};
  }
};

// Searches for the end, then undoes the stuffing.
struct CobsByHand {
  std::size_t longest;
  std::vector<std::byte> content = {};
  [[nodiscard]] FrameByHand read(Bytes bytes) {
    const void* found = std::memchr(bytes.data(), 0, bytes.size());
    if (!found) return {};
    const auto size = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    if (size > longest) return {};
    content.clear();
    for (std::size_t at = 0; at < size;) {
      const auto code = std::to_integer<std::size_t>(bytes[at]);
      const Bytes block = bytes.subspan(at + 1, code - 1);
      content.insert(content.end(), block.begin(), block.end());
      at += code;
      if (code < 255 && at < size) content.push_back({});
    }
    return {content, size + 1};
  }
};

struct SlipByHand {
  std::size_t longest;
  std::vector<std::byte> content = {};
  [[nodiscard]] FrameByHand read(Bytes bytes) {
    std::size_t begin = 0;
    while (begin < bytes.size() && bytes[begin] == std::byte{0xC0}) ++begin;
    const Bytes rest = bytes.subspan(begin);
    const void* found = std::memchr(rest.data(), 0xC0, rest.size());
    if (!found) return {};
    const auto size = static_cast<std::size_t>(static_cast<const std::byte*>(found) - rest.data());
    if (size > longest) return {};
    if (!std::memchr(rest.data(), 0xDB, size)) return {rest.first(size), begin + size + 1};
    content.clear();
    for (std::size_t i = 0; i < size; ++i) {
      if (rest[i] != std::byte{0xDB}) {
        content.push_back(rest[i]);
      } else {
        content.push_back(rest[++i] == std::byte{0xDC} ? std::byte{0xC0} : std::byte{0xDB});
      }
    }
    return {content, begin + size + 1};
  }
};

}  // namespace bench
