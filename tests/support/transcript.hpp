// What a decoder made of a stream, as one line that two ways to cut it can be compared by.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "protocols/decoder.hpp"
#include "protocols/frame_decoder.hpp"
#include "support/loan.hpp"

/// How the text of a frame is found: a protocol with frames of its own adds an overload beside
/// its Frame type.
inline std::string describe(protocols::Bytes frame) {
  return "[" + std::string(protocols::as_text(frame)) + "]";
}
inline std::string describe(std::string_view frame) { return "[" + std::string(frame) + "]"; }

/// True for frames that may be pieces of a longer one: they follow the cut, and so do their
/// extents.
template <class Frame>
inline constexpr bool is_piece = false;

/// When the caller lets a chunk go.
enum class Lending {
  until_drained,     ///< After next() has returned nothing: the usual loop.
  until_each_frame,  ///< After each frame, by copy_tail(): a receiver that pauses all the time.
  until_next_feed,   ///< Nothing is taken out before all is fed.
};

/// "[hi][][there]", then "error: too-large at 7" if the decoder gave up, or "cut short" if the
/// stream ended inside a frame.
struct Transcript {
  std::string line;
  std::vector<protocols::Extent> extents;  ///< Where each frame lay in the stream.
  std::size_t bytes_fed_when_failed = 0;   ///< Up to the end of the piece that brought the error.
};

/// Feeds the pieces, each lent until the moment at which the contract lets it go.
template <protocols::Decoder D>
Transcript transcript(D decoder, const std::vector<std::string_view>& pieces,
                      Lending lending = Lending::until_drained) {
  Transcript result;
  std::size_t fed = 0;
  Loan loan(pieces);
  const auto take_frames = [&] {
    while (auto frame = decoder.next()) {
      result.line += describe(*frame);
      if constexpr (requires { decoder.extent(); } && !is_piece<typename D::Frame>) {
        result.extents.push_back(decoder.extent());
      }
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
