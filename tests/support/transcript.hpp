// The output of a decoder for a stream, as one line, so that two ways to cut it can be compared.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "protocols/decoder.hpp"
#include "protocols/frame_decoder.hpp"
#include "support/loan.hpp"

/// The text of a frame: a protocol with frames of its own adds an overload next to its Frame type.
inline std::string describe(protocols::Bytes frame) {
  return "[" + std::string(protocols::as_text(frame)) + "]";
}
inline std::string describe(std::string_view frame) { return "[" + std::string(frame) + "]"; }

/// True for frames that may be pieces of a longer one: they and their extents depend on the cut.
template <class Frame>
inline constexpr bool is_piece = false;

/// When the memory of a chunk stops being valid.
enum class Lending {
  until_drained,     ///< After drain() where the decoder has it, or next(), has returned all.
  until_each_frame,  ///< After each frame, by copy_tail(): like a receiver that always pauses.
  until_next_feed,   ///< After everything is fed, and before any frame is taken out.
};

/// "[hi][][there]", then "error: too-large at 7" if the decoder failed, or "cut short" if the
/// stream ended inside a frame.
struct Transcript {
  std::string line;
  std::vector<protocols::Extent> extents;  ///< The position of each frame in the stream.
  std::size_t bytes_fed_when_failed = 0;   ///< Up to the end of the piece with the error.
};

/// Feeds the pieces. Each one is valid only as long as the contract of decoders requires.
template <protocols::Decoder D>
Transcript transcript(D decoder, const std::vector<std::string_view>& pieces,
                      Lending lending = Lending::until_drained) {
  Transcript result;
  std::size_t fed = 0;
  Loan loan(pieces);
  const auto note = [&](const typename D::Frame& frame) {
    result.line += describe(frame);
    if constexpr (requires { decoder.extent(); } && !is_piece<typename D::Frame>) {
      result.extents.push_back(decoder.extent());
    }
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
  for (std::string_view piece : pieces) {
    decoder.feed(protocols::as_bytes(loan.lend(piece)));
    fed += piece.size();
    if (lending != Lending::until_next_feed) take_frames();
  }
  take_frames();
  if (const std::error_code error = decoder.error()) {
    result.line +=
        "error: " + std::string(name(static_cast<protocols::DecodeError>(error.value())));
    if constexpr (requires { decoder.extent(); }) {
      result.line += " at " + std::to_string(decoder.extent().offset);
    }
  } else if (!decoder.at_boundary()) {
    result.line += "cut short";
  }
  return result;
}
