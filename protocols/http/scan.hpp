// Finds where names and values end, 64 bytes at a time, with the widest instructions that the
// machine supports.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace protocols::inline v0::http {

/// One bit for each byte of a block: set if the byte cannot belong to the element. There are only
/// two masks, because two are returned in registers.
struct Stops {
  std::uint64_t token;  ///< A method, or the name of a field.
  std::uint64_t text;   ///< The value of a field, or a reason.

  bool operator==(const Stops&) const = default;
  Stops operator>>(std::size_t bits) const { return {token >> bits, text >> bits}; }
  Stops operator|(std::uint64_t bits) const { return {token | bits, text | bits}; }
};

inline constexpr std::size_t block_bytes = 64;

enum class Instructions : unsigned char { portable, sse42, avx2 };

[[nodiscard]] bool machine_has(Instructions instructions);

/// Uses these from now on, for tests and measurements; the default is the best available.
void scan_with(Instructions instructions);

/// Functions that scan a block, the `block_bytes` bytes at `block`.
struct Scan {
  Stops (*stops)(const char* block);
  std::uint64_t (*target_stops)(const char* block);  ///< Of the target of a request.
};
extern std::atomic<const Scan*> chosen_scan;

inline Stops find_stops(const char* block) {
  return chosen_scan.load(std::memory_order_relaxed)->stops(block);
}

inline std::uint64_t find_target_stops(const char* block) {
  return chosen_scan.load(std::memory_order_relaxed)->target_stops(block);
}

// The last, incomplete block: read as the end of a complete one, or copied into one.
template <class Mask>
[[gnu::noinline]] Mask stops_of_last(std::string_view text, std::size_t from,
                                     Mask (*look)(const char*)) {
  const std::size_t left = text.size() - from;
  const std::uint64_t beyond = ~std::uint64_t{0} << left;
  if (text.size() >= block_bytes) {
    const std::size_t before = std::min(block_bytes - left, block_bytes - 1);
    return look(text.data() + text.size() - block_bytes) >> before | beyond;
  }
  char copy[block_bytes] = {};
  std::memcpy(copy, text.data() + from, left);
  return look(copy) | beyond;
}

/// The stops of the block that begins at `from`; every byte after the end of the text is a stop.
template <class Mask>
[[gnu::always_inline]] inline Mask stops_at(std::string_view text, std::size_t from,
                                            Mask (*look)(const char*)) {
  if (text.size() - from >= block_bytes) return look(text.data() + from);
  return stops_of_last(text, from, look);
}

/// Scans forward through a text. Every byte after its end is a stop.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// The first byte from `from` on that is not part of a token; size() if there is none.
  [[nodiscard]] std::size_t token_end(std::size_t from) { return find(&Stops::token, from); }
  [[nodiscard]] std::size_t text_end(std::size_t from) { return find(&Stops::text, from); }
  [[nodiscard]] std::size_t target_end(std::size_t from) const {
    for (;; from += block_bytes) {
      const std::uint64_t stops = stops_at(text_, from, find_target_stops);
      if (stops != 0) return from + static_cast<std::size_t>(std::countr_zero(stops));
    }
  }

 private:
  [[gnu::always_inline]] std::size_t find(std::uint64_t Stops::*kind, std::size_t from) {
    for (;; from = block_ + block_bytes) {
      if (from - block_ >= block_bytes) {
        block_ = from;
        stops_ = stops_at(text_, from, find_stops);
      }
      const std::uint64_t stops = stops_.*kind >> (from - block_);
      if (stops != 0) return from + static_cast<std::size_t>(std::countr_zero(stops));
    }
  }

  std::string_view text_;
  std::size_t block_ = static_cast<std::size_t>(0) - block_bytes;
  Stops stops_{};
};

}  // namespace protocols::http
