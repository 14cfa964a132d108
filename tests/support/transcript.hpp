// The transcripts of protocols/testing/, with the text of each kind of frame that the tests know.
#pragma once

#include <string>
#include <string_view>

#include "protocols/testing/detail/transcript.hpp"

using protocols::testing::Lending;
using protocols::testing::Pieces;
using protocols::testing::random_pieces;
using protocols::testing::single_bytes;
using protocols::testing::Transcript;

/// The text of a frame: a protocol with frames of its own adds an overload next to its Frame type.
inline std::string describe(protocols::Bytes frame) {
  return "[" + std::string(protocols::as_text(frame)) + "]";
}
inline std::string describe(std::string_view frame) { return "[" + std::string(frame) + "]"; }

/// True for frames that may be pieces of a longer one: they and their extents depend on the cut.
template <class Frame>
inline constexpr bool is_piece = false;

template <protocols::Decoder D>
Transcript transcript(D decoder, const Pieces& pieces, Lending lending = Lending::until_drained) {
  Transcript result = protocols::testing::transcribe(
      std::move(decoder), pieces, lending, [](const auto& frame) { return describe(frame); });
  if (is_piece<typename D::Frame>) result.extents.clear();
  return result;
}
