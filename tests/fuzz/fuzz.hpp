// The frame of a fuzz target: options and a wire out of the fuzzer's bytes, and the oracle that
// holds for every decoder. Linked with search.cpp it is a fuzzer; replay.cpp runs the corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/transcript.hpp"

namespace fuzz {

/// Stops with what was found, which libFuzzer keeps together with the input.
inline void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

/// The fuzzer's bytes: numbers from the front for options, the rest is the wire.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  std::size_t number(std::size_t largest) {
    std::size_t value = 0;
    for (std::size_t range = largest; range > 0 && !bytes_.empty(); range >>= 8) {
      value = value << 8 | static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
    }
    return largest == SIZE_MAX ? value : value % (largest + 1);
  }

  std::string_view bytes(std::size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

/// Whether this is a fuzzer, which comes by so many inputs that few ways to cut each are enough. In
/// the suite, which only replays a corpus, many are tried.
inline constexpr bool searches = FUZZER != 0;

/// Different for most inputs, and the same whenever one is run again.
inline std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619U;
  return hash;
}

/// The outcome may not depend on the cut, the frames lie in the stream in order, and an error is
/// raised by the very byte that it names. Returns the outcome.
template <class Decoder>
Transcript check_any_split(const Decoder& fresh, std::string_view wire, bool pieces_only = false) {
  const Transcript whole = transcript(fresh, {wire});
  const auto same = [&](const Pieces& pieces, Lending lending, const char* how) {
    const Transcript cut = transcript(fresh, pieces, lending);
    const bool same_extents = pieces_only || cut.extents == whole.extents;
    if (cut.line != whole.line || !same_extents) {
      require(false, std::string(how) + ": " + cut.line + "\nwhole: " + whole.line);
    }
    return cut;
  };
  const Transcript slow = same(single_bytes(wire), Lending::until_drained, "byte by byte");
  std::minstd_rand random(checksum(wire));
  const Lending all[] = {Lending::until_drained, Lending::until_each_frame,
                         Lending::until_next_feed};
  if (searches) {
    same(random_pieces(wire, random), all[random() % std::size(all)], "at random");
  } else {
    for (int round = 0; round < 2; ++round) {
      for (const Lending lending : all) same(random_pieces(wire, random), lending, "at random");
    }
  }

  std::uint64_t reached = 0;
  for (const protocols::Extent& extent : whole.extents) {
    require(extent.offset >= reached, "frames overlap");
    reached = extent.offset + extent.size;
  }
  require(reached <= wire.size(), "a frame reaches beyond the stream");
  if (slow.bytes_fed_when_failed > 0) {
    require(slow.line.ends_with(" at " + std::to_string(slow.bytes_fed_when_failed - 1)),
            "the error came with another byte: " + slow.line);
  }
  return whole;
}

/// A function that tries one input, under the name of its corpus. Each file x_fuzz.cpp has one.
struct Target {
  Target(std::string_view target_name, void (*function)(Input))
      : name(target_name), run(function), next(first) {
    first = this;
  }

  std::string_view name;
  void (*run)(Input);
  const Target* next;

  /// All of the program. A fuzzer has one, since libFuzzer searches with one; replay.cpp has many.
  static inline const Target* first = nullptr;
};

}  // namespace fuzz
