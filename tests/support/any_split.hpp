// Every decoder test checks that the outcome does not depend on how the network cuts the bytes.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "support/pieces.hpp"
#include "support/transcript.hpp"

/// Whether each frame is a whole message, or a piece whose size depends on the cut. For pieces,
/// `describe` must give the same text for any number of them.
enum class Frames { whole, pieces };

/// Decodes `wire` in every cut, each time from a copy of `fresh`. Every cut must give `expected`,
/// the same extents, and an error at exactly the byte that the decoder reports.
template <class Decoder>
void check_any_split(const Decoder& fresh, std::string_view wire, std::string_view expected,
                     Frames frames = Frames::whole) {
  const Transcript whole = transcript(fresh, {wire});
  CHECK(whole.line == expected);

  std::string differing;  // One report is enough, and building thousands would be slow.
  const auto check = [&](const Pieces& pieces, const std::string& how) {
    for (auto lending :
         {Lending::until_drained, Lending::until_each_frame, Lending::until_next_feed}) {
      if (!differing.empty()) return;
      const Transcript cut = transcript(fresh, pieces, lending);
      const bool same_extents = frames == Frames::pieces || cut.extents == whole.extents;
      if (cut.line != whole.line || !same_extents) differing = how + ": " + cut.line;
    }
  };
  for_each_split(wire, check);
  CHECK(differing == "");

  if constexpr (requires { fresh.extent(); }) {
    const Transcript slow = transcript(fresh, single_bytes(wire));
    if (slow.bytes_fed_when_failed > 0) {
      CHECK(slow.line.ends_with(" at " + std::to_string(slow.bytes_fed_when_failed - 1)));
    }
  }
}
