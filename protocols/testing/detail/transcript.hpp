// The output of a decoder for a stream, as one line, so that two ways to cut it can be compared.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "protocols/decoder.hpp"
#include "protocols/error.hpp"
#include "protocols/frame_decoder.hpp"
#include "protocols/testing/detail/loan.hpp"
#include "protocols/testing/detail/pieces.hpp"

namespace protocols::inline v0::testing {

/// When the memory of a chunk stops being valid.
enum class Lending {
  until_drained,     ///< After drain() where the decoder has it, or next(), has returned all.
  until_each_frame,  ///< After each frame, by copy_tail(): like a receiver that always pauses.
  until_next_feed,   ///< After everything is fed, and before any frame is taken out.
};

/// The text of frames that are bytes or text. Other frames need a function object of their own:
///
///     const auto describe = [](const Point& point) { return std::to_string(point.x) + ";"; };
struct DescribeBytes {
  std::string operator()(Bytes frame) const { return "[" + std::string(as_text(frame)) + "]"; }
  std::string operator()(std::string_view frame) const { return "[" + std::string(frame) + "]"; }
};

/// "[hi][][there]", then "error: too-large at 7" if the decoder failed, or "cut short" if the
/// stream ended inside a frame.
struct Transcript {
  std::string line;
  std::vector<Extent> extents;            ///< The position of each frame, if the decoder has it.
  std::size_t bytes_fed_when_failed = 0;  ///< Up to the end of the piece with the error.
};

/// Feeds the pieces. Each one is valid only as long as the contract of decoders requires.
///
///     transcribe(LineDecoder(), {"he", "llo\nyou"}).line == "[hello]cut short"
template <Decoder D, class Describe = DescribeBytes>
Transcript transcribe(D decoder, const Pieces& pieces, Lending lending = Lending::until_drained,
                      const Describe& describe = {}) {
  Transcript result;
  std::size_t fed = 0;
  Loan loan(pieces);
  const auto note = [&](const typename D::Frame& frame) {
    result.line += describe(frame);
    if constexpr (requires { decoder.extent(); }) result.extents.push_back(decoder.extent());
    return result.line.size() % 3 != 0;  // Sometimes drain() stops, and goes on.
  };
  const auto take_frames = [&] {
    if constexpr (requires { decoder.drain(note); }) {
      while (lending == Lending::until_drained && !decoder.drain(note)) {
      }
    }
    while (auto frame = decoder.next()) {
      note(*frame);
      if (lending == Lending::until_each_frame) {
        decoder.copy_tail();
        loan.take_back();
      }
    }
    loan.take_back();
    if (decoder.error() && result.bytes_fed_when_failed == 0) result.bytes_fed_when_failed = fed;
  };
  for (const std::string_view piece : pieces) {
    decoder.feed(as_bytes(loan.borrow(piece)));
    fed += piece.size();
    if (lending != Lending::until_next_feed) take_frames();
  }
  take_frames();
  if (const std::error_code error = decoder.error()) {
    const bool is_ours = error.category() == make_error_code(DecodeError::too_large).category();
    result.line += "error: " + (is_ours ? std::string(name(static_cast<DecodeError>(error.value())))
                                        : error.message());
    if constexpr (requires { decoder.extent(); }) {
      result.line += " at " + std::to_string(decoder.extent().offset);
    }
  } else if (!decoder.at_boundary()) {
    result.line += "cut short";
  }
  return result;
}

}  // namespace protocols::testing
