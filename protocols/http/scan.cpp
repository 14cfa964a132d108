#include "protocols/http/scan.hpp"

#include <array>

#include "protocols/http/syntax.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace protocols::http {
namespace {

void find_stops_portably(const char* block, Stops& stops) {
  stops = {};
  for (std::size_t i = 0; i < block_bytes; ++i) {
    stops.token |= std::uint64_t{!token_bytes.contains(block[i])} << i;
    stops.target |= std::uint64_t{!target_bytes.contains(block[i])} << i;
    stops.text |= std::uint64_t{!text_bytes.contains(block[i])} << i;
  }
}

#if defined(__x86_64__)

// A set of ASCII bytes as a shuffle looks it up: the low half of a byte chooses an entry, whose
// bits tell for which high halves the byte is a member. Bytes above ASCII always find nothing.
constexpr std::array<char, 16> by_low_half(const ByteSet& set) {
  std::array<char, 16> table{};
  for (unsigned byte = 0; byte < 0x80; ++byte) {
    const unsigned bit = set.contains(static_cast<char>(byte)) ? 1u << (byte >> 4) : 0u;
    table[byte & 0xF] = static_cast<char>(static_cast<unsigned char>(table[byte & 0xF]) | bit);
  }
  return table;
}

// One for each of Stops, in its order. Text is told by what it is not, since it alone has bytes
// above ASCII.
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

[[gnu::target("sse4.2"), gnu::always_inline]] inline Stops find_quarter_sse42(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0xF));
  const __m128i bit = _mm_shuffle_epi8(load_sse42(tables.bit_of_high_half), high);
  return {missing_sse42(load_sse42(tables.token), bytes, bit),
          missing_sse42(load_sse42(tables.target), bytes, bit),
          missing_sse42(load_sse42(tables.not_text), bytes, bit)};
}

[[gnu::target("sse4.2")]] void find_stops_sse42(const char* block, Stops& stops) {
  const Stops a = find_quarter_sse42(block);
  const Stops b = find_quarter_sse42(block + 16);
  const Stops c = find_quarter_sse42(block + 32);
  const Stops d = find_quarter_sse42(block + 48);
  stops.token = a.token | b.token << 16 | c.token << 32 | d.token << 48;
  stops.target = a.target | b.target << 16 | c.target << 32 | d.target << 48;
  stops.text = ~(a.text | b.text << 16 | c.text << 32 | d.text << 48);
}

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

[[gnu::target("avx2"), gnu::always_inline]] inline Stops find_half_avx2(const char* at) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0xF));
  const __m256i bit = _mm256_shuffle_epi8(load_avx2(tables.bit_of_high_half), high);
  return {missing_avx2(load_avx2(tables.token), bytes, bit),
          missing_avx2(load_avx2(tables.target), bytes, bit),
          missing_avx2(load_avx2(tables.not_text), bytes, bit)};
}

[[gnu::target("avx2")]] void find_stops_avx2(const char* block, Stops& stops) {
  const Stops a = find_half_avx2(block);
  const Stops b = find_half_avx2(block + 32);
  stops = {a.token | b.token << 32, a.target | b.target << 32, ~(a.text | b.text << 32)};
}

#else

constexpr FindStops find_stops_sse42 = find_stops_portably;
constexpr FindStops find_stops_avx2 = find_stops_portably;

#endif

constexpr std::array<FindStops, 3> implementations = {find_stops_portably, find_stops_sse42,
                                                      find_stops_avx2};

// The first call replaces this one by the best that the machine has.
void choose_and_find_stops(const char* block, Stops& stops) {
  for (Instructions best : {Instructions::avx2, Instructions::sse42, Instructions::portable}) {
    if (!machine_has(best)) continue;
    scan_with(best);
    break;
  }
  find_stops(block, stops);
}

}  // namespace

constinit std::atomic<FindStops> chosen_find_stops = choose_and_find_stops;

bool machine_has(Instructions instructions) {
#if defined(__x86_64__)
  if (instructions == Instructions::sse42) return __builtin_cpu_supports("sse4.2") != 0;
  if (instructions == Instructions::avx2) return __builtin_cpu_supports("avx2") != 0;
#endif
  return instructions == Instructions::portable;
}

void scan_with(Instructions instructions) {
  chosen_find_stops.store(implementations[static_cast<std::size_t>(instructions)],
                          std::memory_order_relaxed);
}

}  // namespace protocols::http
