// Counts latencies in little memory. The range of a counter grows with the value, as in
// HdrHistogram.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace bench {

/// Counts values, nanoseconds here, each to within 1/128 of itself.
///
///     histogram.record(12'345);
///     histogram.quantile(0.99);
///
/// Cost  A shift and an increment a value; 36 KiB, of which the values in use are touched.
class Histogram {
 public:
  void record(std::uint64_t value) {
    ++counters_[index_of(std::min(value, largest))];
    ++count_;
    sum_ += value;
    max_ = std::max(max_, value);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  /// The smallest value that at least this share of all values does not exceed; 0 when empty.
  [[nodiscard]] std::uint64_t quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_) + 0.5);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
      seen += counters_[i];
      if (seen >= std::max<std::uint64_t>(wanted, 1)) return std::min(highest_in(i), max_);
    }
    return 0;
  }

  void clear() { *this = Histogram(); }

 private:
  // Values below 256 have a counter each; every power of two above them has 128.
  static constexpr unsigned sub_bits = 7;
  static constexpr std::uint64_t largest = (std::uint64_t{1} << 40) - 1;  // 18 minutes

  static std::size_t index_of(std::uint64_t value) {
    const unsigned shift = shift_of(value);
    return (std::size_t{shift} << sub_bits) + (value >> shift);
  }
  static std::uint64_t highest_in(std::size_t index) {
    const unsigned shift = index < 256 ? 0 : static_cast<unsigned>((index >> sub_bits) - 1);
    const std::uint64_t mantissa = index - (std::size_t{shift} << sub_bits);
    return ((mantissa + 1) << shift) - 1;
  }
  static unsigned shift_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    return width <= sub_bits + 1 ? 0 : width - sub_bits - 1;
  }

  std::vector<std::uint64_t> counters_ = std::vector<std::uint64_t>(index_of(largest) + 1);
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace bench
