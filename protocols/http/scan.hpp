// Finds where names and values end, 64 bytes at a time, with the widest instructions the machine
// has.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace protocols::http {

/// For each byte of a block one bit: set where it cannot belong to the element.
struct Stops {
  std::uint64_t token;   ///< A method, or the name of a field.
  std::uint64_t target;  ///< The target of a request.
  std::uint64_t text;    ///< The value of a field, or a reason.

  bool operator==(const Stops&) const = default;
};

inline constexpr std::size_t block_bytes = 64;

enum class Instructions : unsigned char { portable, sse42, avx2 };

[[nodiscard]] bool machine_has(Instructions instructions);

/// Scans with these from now on, for tests and measurements; otherwise the best there are.
void scan_with(Instructions instructions);

using FindStops = void (*)(const char* block, Stops& stops);
extern std::atomic<FindStops> chosen_find_stops;

/// Finds the stops among the `block_bytes` bytes at `block`.
inline void find_stops(const char* block, Stops& stops) {
  chosen_find_stops.load(std::memory_order_relaxed)(block, stops);
}

/// Walks forward through a text. Whatever is beyond its end stops everything.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// The first byte at or behind `from` that is no part of a token; size() where there is none.
  [[nodiscard]] std::size_t token_end(std::size_t from) { return find(&Stops::token, from); }
  [[nodiscard]] std::size_t target_end(std::size_t from) { return find(&Stops::target, from); }
  [[nodiscard]] std::size_t text_end(std::size_t from) { return find(&Stops::text, from); }

 private:
  [[gnu::always_inline]] std::size_t find(std::uint64_t Stops::*kind, std::size_t from) {
    for (;; from = block_ + block_bytes) {
      if (from - block_ >= block_bytes) load(from);
      const std::uint64_t stops = stops_.*kind >> (from - block_);
      if (stops != 0) return from + static_cast<std::size_t>(std::countr_zero(stops));
    }
  }

  void load(std::size_t from) {
    block_ = from;
    const std::size_t left = text_.size() - from;
    if (left >= block_bytes) {
      find_stops(text_.data() + from, stops_);
    } else {
      load_last(left);
    }
  }

  // The block that the end cuts off: seen as the end of a whole one, or copied into one.
  void load_last(std::size_t left) {
    if (text_.size() >= block_bytes) {
      find_stops(text_.data() + text_.size() - block_bytes, stops_);
      const std::size_t before = std::min(block_bytes - left, block_bytes - 1);
      stops_ = {stops_.token >> before, stops_.target >> before, stops_.text >> before};
    } else {
      char copy[block_bytes] = {};
      std::memcpy(copy, text_.data() + text_.size() - left, left);
      find_stops(copy, stops_);
    }
    const std::uint64_t beyond = ~std::uint64_t{0} << left;
    stops_ = {stops_.token | beyond, stops_.target | beyond, stops_.text | beyond};
  }

  std::string_view text_;
  std::size_t block_ = static_cast<std::size_t>(0) - block_bytes;
  Stops stops_{};
};

}  // namespace protocols::http
