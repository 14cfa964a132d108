#include "protocols/http/scan.hpp"

#include <array>

#include "protocols/http/syntax.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace protocols::inline v0::http {
namespace {

// A bit for each byte of a block that is not a member of `set`.
std::uint64_t missing(const char* block, const ByteSet& set) {
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < block_bytes; ++i) {
    found |= std::uint64_t{!set.contains(block[i])} << i;
  }
  return found;
}

Stops stops_portably(const char* block) {
  return {missing(block, token_bytes), missing(block, text_bytes)};
}

std::uint64_t target_stops_portably(const char* block) { return missing(block, target_bytes); }

constexpr Scan portable{stops_portably, target_stops_portably};

#if defined(__x86_64__)

// A set of ASCII bytes as a table for a shuffle: the low half of a byte selects an entry, whose
// bits state for which high halves the byte is a member. Bytes above ASCII are never found.
constexpr std::array<char, 16> by_low_half(const ByteSet& set) {
  std::array<char, 16> table{};
  for (unsigned byte = 0; byte < 0x80; ++byte) {
    const unsigned bit = set.contains(static_cast<char>(byte)) ? 1u << (byte >> 4) : 0u;
    table[byte & 0xF] = static_cast<char>(static_cast<unsigned char>(table[byte & 0xF]) | bit);
  }
  return table;
}

// The set of text is stored as its complement, since it alone contains bytes above ASCII.
struct alignas(16) Tables {
  std::array<char, 16> bit_of_high_half = {1, 2, 4, 8, 16, 32, 64, static_cast<char>(128)};
  std::array<char, 16> token = by_low_half(token_bytes);
  std::array<char, 16> target = by_low_half(target_bytes);
  std::array<char, 16> not_text = by_low_half(ByteSet::range(0, 0xFF) - text_bytes);
};
constexpr Tables tables;

[[gnu::target("sse4.2")]] inline __m128i load_sse42(const std::array<char, 16>& table) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(table.data()));
}

// A bit for each of 16 bytes that `table` does not find.
[[gnu::target("sse4.2")]] inline std::uint64_t missing_sse42(__m128i table, __m128i bytes,
                                                             __m128i bit) {
  const __m128i found = _mm_and_si128(_mm_shuffle_epi8(table, bytes), bit);
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(found, _mm_setzero_si128())));
}

// For each byte the bit of its high half.
[[gnu::target("sse4.2")]] inline __m128i bit_sse42(__m128i bytes) {
  const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0xF));
  return _mm_shuffle_epi8(load_sse42(tables.bit_of_high_half), high);
}

[[gnu::target("sse4.2")]] inline __m128i bytes_sse42(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

[[gnu::target("sse4.2")]] Stops stops_sse42(const char* block) {
  Stops stops{};
  for (unsigned place = 0; place < block_bytes; place += 16) {
    const __m128i bytes = bytes_sse42(block + place);
    const __m128i bit = bit_sse42(bytes);
    stops.token |= missing_sse42(load_sse42(tables.token), bytes, bit) << place;
    stops.text |= missing_sse42(load_sse42(tables.not_text), bytes, bit) << place;
  }
  return {stops.token, ~stops.text};
}

[[gnu::target("sse4.2")]] std::uint64_t target_stops_sse42(const char* block) {
  std::uint64_t stops = 0;
  for (unsigned place = 0; place < block_bytes; place += 16) {
    const __m128i bytes = bytes_sse42(block + place);
    stops |= missing_sse42(load_sse42(tables.target), bytes, bit_sse42(bytes)) << place;
  }
  return stops;
}

constexpr Scan sse42{stops_sse42, target_stops_sse42};

[[gnu::target("avx2")]] inline __m256i load_avx2(const std::array<char, 16>& table) {
  return _mm256_broadcastsi128_si256(
      _mm_load_si128(reinterpret_cast<const __m128i*>(table.data())));
}

// A bit for each of 32 bytes that `table` does not find.
[[gnu::target("avx2")]] inline std::uint64_t missing_avx2(__m256i table, __m256i bytes,
                                                          __m256i bit) {
  const __m256i found = _mm256_and_si256(_mm256_shuffle_epi8(table, bytes), bit);
  return static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(found, _mm256_setzero_si256())));
}

// For each byte the bit of its high half.
[[gnu::target("avx2")]] inline __m256i bit_avx2(__m256i bytes) {
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0xF));
  return _mm256_shuffle_epi8(load_avx2(tables.bit_of_high_half), high);
}

[[gnu::target("avx2")]] inline __m256i bytes_avx2(const char* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

[[gnu::target("avx2")]] Stops stops_avx2(const char* block) {
  Stops stops{};
  for (unsigned place = 0; place < block_bytes; place += 32) {
    const __m256i bytes = bytes_avx2(block + place);
    const __m256i bit = bit_avx2(bytes);
    stops.token |= missing_avx2(load_avx2(tables.token), bytes, bit) << place;
    stops.text |= missing_avx2(load_avx2(tables.not_text), bytes, bit) << place;
  }
  return {stops.token, ~stops.text};
}

[[gnu::target("avx2")]] std::uint64_t target_stops_avx2(const char* block) {
  std::uint64_t stops = 0;
  for (unsigned place = 0; place < block_bytes; place += 32) {
    const __m256i bytes = bytes_avx2(block + place);
    stops |= missing_avx2(load_avx2(tables.target), bytes, bit_avx2(bytes)) << place;
  }
  return stops;
}

constexpr Scan avx2{stops_avx2, target_stops_avx2};

#endif

const Scan& scan_of(Instructions instructions) {
#if defined(__x86_64__)
  if (instructions == Instructions::avx2) return avx2;
  if (instructions == Instructions::sse42) return sse42;
#endif
  (void)instructions;
  return portable;
}

// The first call replaces these by the best that the machine supports.
const Scan& choose() {
  for (Instructions best : {Instructions::avx2, Instructions::sse42}) {
    if (!machine_has(best)) continue;
    scan_with(best);
    return scan_of(best);
  }
  scan_with(Instructions::portable);
  return portable;
}

constexpr Scan undecided{[](const char* block) { return choose().stops(block); },
                         [](const char* block) { return choose().target_stops(block); }};

}  // namespace

constinit std::atomic<const Scan*> chosen_scan = &undecided;

bool machine_has(Instructions instructions) {
#if defined(__x86_64__)
  if (instructions == Instructions::sse42) return __builtin_cpu_supports("sse4.2") != 0;
  if (instructions == Instructions::avx2) return __builtin_cpu_supports("avx2") != 0;
#endif
  return instructions == Instructions::portable;
}

void scan_with(Instructions instructions) {
  chosen_scan.store(&scan_of(instructions), std::memory_order_relaxed);
}

}  // namespace protocols::http
