// Checks of what each decoder promises, for any framework of tests: each returns what is wrong.
#pragma once

#include <ctime>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/testing/detail/transcript.hpp"

namespace protocols::inline v0::testing {

/// What is wrong, or nothing.
using Failure = std::optional<std::string>;

/// Whether each frame is a whole message, or a piece whose size depends on the cut. For pieces,
/// `describe` must give the same text for any number of them.
enum class Frames { whole, pieces };

/// Decodes `wire` in every cut, each time from a copy of `fresh`, and from memory that becomes
/// invalid as early as the contract of decoders permits. The frames, their extents and the error
/// must always be the same, and an error must be at the byte that made it certain.
///
///     CHECK(any_split(LineDecoder(), "one\ntwo\nth") == std::nullopt);          // doctest
///     EXPECT_EQ(any_split(LineDecoder(), "one\ntwo\nth"), std::nullopt);        // GoogleTest
///     any_split(PointDecoder(), wire, Frames::whole, [](const Point& point) { … });
///
/// Cost      Decodes a wire of 1,500 bytes some 5,000 times.
template <Decoder D, class Describe = DescribeBytes>
[[nodiscard]] Failure any_split(const D& fresh, std::string_view wire,
                                Frames frames = Frames::whole, const Describe& describe = {},
                                std::uint64_t seed = 1) {
  const Transcript whole = transcribe(fresh, {wire}, Lending::until_drained, describe);
  Failure failure;  // The first is enough.
  for_each_split(wire, seed, [&](const Pieces& pieces, const std::string& how) {
    for (const Lending lending :
         {Lending::until_drained, Lending::until_each_frame, Lending::until_next_feed}) {
      if (failure) return;
      const Transcript cut = transcribe(fresh, pieces, lending, describe);
      const bool same_extents = frames == Frames::pieces || cut.extents == whole.extents;
      if (cut.line != whole.line || !same_extents) {
        failure = how + ": " + cut.line + (same_extents ? "" : " at other places") +
                  "\nwhole: " + whole.line;
      }
    }
  });
  if constexpr (requires { fresh.extent(); }) {
    if (failure) return failure;
    const Transcript slow = transcribe(fresh, single_bytes(wire), Lending::until_drained, describe);
    const std::size_t fed = slow.bytes_fed_when_failed;
    if (fed > 0 && !slow.line.ends_with(" at " + std::to_string(fed - 1))) {
      failure = "the error is certain after " + std::to_string(fed) + " bytes: " + slow.line;
    }
  }
  return failure;
}

/// Random bytes: often those that have a meaning in some protocol, and often the same byte again.
template <class Random>
std::string random_payload(Random& random, std::size_t longest) {
  static constexpr std::string_view special("\0\x01\xFF\xC0\xDB\xDC\xDD\r\n,:0", 12);
  const auto kind = random() % 4;
  std::string payload(random() % (longest + 1), '\0');
  for (char& byte : payload) {
    if (kind == 0) byte = static_cast<char>(random());
    if (kind == 1) byte = special[random() % special.size()];
    if (kind == 2) byte = random() % 50 ? 'x' : special[random() % special.size()];
    if (kind == 3) byte = 'x';
  }
  return payload;
}

/// How much round_trip() tries.
struct RoundTrip {
  std::size_t longest = 700;  ///< Bytes of a payload.
  std::uint64_t seed = 1;
  int rounds = 200;
};

/// Encodes random payloads one after the other with `encode(wire, payload)` and decodes them in
/// random cuts. If `encode` refuses a payload by returning false, the wire must be unchanged; most
/// payloads must be taken. `describe` is for frames and for payloads, which are a string_view.
///
///     round_trip(SlipDecoder(), [](std::vector<std::byte>& wire, std::string_view payload) {
///       return append_slip(wire, as_bytes(payload));
///     });
template <Decoder D, class Encode, class Describe = DescribeBytes>
[[nodiscard]] Failure round_trip(const D& fresh, Encode encode, const RoundTrip& options = {},
                                 const Describe& describe = {}) {
  std::mt19937_64 random(options.seed);
  std::size_t accepted = 0;
  for (int round = 0; round < options.rounds; ++round) {
    const std::string where = "round " + std::to_string(round) + ": ";
    std::vector<std::byte> wire;
    std::string expected;
    for (auto count = random() % 6; count > 0; --count) {
      const std::string payload = random_payload(random, options.longest);
      const std::size_t before = wire.size();
      if (encode(wire, std::string_view(payload))) {
        expected += describe(std::string_view(payload));
        ++accepted;
      } else if (wire.size() != before) {
        return where + "what was refused has changed the wire";
      }
    }
    const Pieces pieces = random_pieces(as_text(wire), random);
    const std::string line = transcribe(fresh, pieces, Lending::until_drained, describe).line;
    if (line != expected) return where + line + "\nencoded: " + expected;
  }
  if (accepted * 4 < static_cast<std::size_t>(options.rounds)) return "few payloads were taken";
  return std::nullopt;
}

/// Decodes `wire`, which is one frame, a byte at a time. Let it have 1 MiB or so. A decoder that
/// reads every byte again for each new one takes minutes; more than `most_seconds` of processor time
/// fail.
template <Decoder D>
[[nodiscard]] Failure linear_time(const D& fresh, std::string_view wire, double most_seconds = 10) {
  D decoder = fresh;
  const std::clock_t began = std::clock();
  int frames = 0;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    decoder.feed(as_bytes(wire.substr(i, 1)));
    while (decoder.next()) ++frames;
    if (i % 4096 != 0) continue;
    const auto passed = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    if (passed > most_seconds) {
      return std::to_string(i) + " bytes took " + std::to_string(passed) + " s";
    }
  }
  const bool is_one = frames == 1 && decoder.at_boundary();
  return is_one ? Failure() : Failure("the wire is " + std::to_string(frames) + " frames");
}

/// Feeds the beginning of a frame whose announced length is large: the memory in use may grow by
/// less than `most_bytes`. `bytes_in_use()` counts what operator new has given out.
template <Decoder D, class BytesInUse>
[[nodiscard]] Failure memory_follows_bytes(const D& fresh, std::string_view wire,
                                           BytesInUse bytes_in_use, std::size_t most_bytes = 1024) {
  D decoder = fresh;
  const auto before = bytes_in_use();
  decoder.feed(as_bytes(wire));
  if (decoder.next()) return "a frame was complete";
  const auto grown = bytes_in_use() - before;
  if (grown < static_cast<decltype(grown)>(most_bytes)) return std::nullopt;
  return std::to_string(wire.size()) + " bytes cost " + std::to_string(grown) + " bytes of memory";
}

}  // namespace protocols::testing
