// The contract that every decoder keeps: bytes in, messages out, wherever the network cut them.
//
// TCP carries a stream of bytes. It keeps their order and nothing else: two messages written apart
// may arrive in one read, one message in twenty. A decoder turns the stream back into the messages
// that were written. It does no input or output, so it works on a socket, a pipe, a file or a test:
//
//     decoder.feed(bytes);                              // cut anywhere
//     while (auto frame = decoder.next()) handle(*frame);
//     if (auto error = decoder.error()) give_up(error);
//     ...
//     if (!decoder.at_boundary()) complain();           // at the end: the peer hung up mid-frame
//
// What each promises, and the tests prove for each:
//
// - Split-invariant. For every stream and every way to cut it the frames and the error are the
//   same. Where a frame is one piece of a longer message (a streamed body), the pieces follow the
//   cut, and what is the same is their concatenation.
// - Lending. feed() copies nothing. The bytes must stay as they are until next() has returned
//   nothing, or copy_tail() was called; only an unfinished tail is kept. A frame that lies whole in
//   what was fed is a view of it: no copy, no allocation.
// - A frame is valid until the next call of next(), feed() or copy_tail().
// - Final errors. Frames ahead of the bad byte are delivered, nothing after it; the error is
//   raised as soon as it is certain, whatever may follow, and stays.
// - Linear. A stream fed one byte at a time costs time in proportion to its bytes.
// - Bounded. Every limit is finite by default; memory follows the bytes received, never a length
//   that was announced.
//
// A new protocol is a pure function from contiguous bytes to a frame, to "need more" or to an
// error; frame_decoder.hpp makes a Decoder of it, and receive_buffer.hpp is the buffering, written
// once. Nothing obliges a protocol to use either: what has this shape is a Decoder.
#pragma once

#include <concepts>
#include <optional>
#include <system_error>

#include "protocols/bytes.hpp"

namespace protocols {

/// What can be attached to a stream: any type of this shape, derived from nothing. Its Frame is a
/// movable value, no reference; what a view in it refers to is valid as long as the frame.
///
/// Lifetime  A decoder is a value. What feed() was given stays the caller's.
template <class D>
concept Decoder =
    std::movable<D> && std::movable<typename D::Frame> &&
    requires(D decoder, const D finished, Bytes bytes) {
      // Takes the next bytes of the stream; does nothing once error() is set.
      decoder.feed(bytes);

      // The next whole frame, or nothing until more has been fed.
      { decoder.next() } -> std::same_as<std::optional<typename D::Frame>>;

      // Copies what has not been consumed of the bytes fed, so that the caller may let them go
      // before next() has returned nothing: a connection that pauses or is replaced amid a batch of
      // frames.
      decoder.copy_tail();

      // Set once the stream is beyond repair, and then for good.
      { finished.error() } -> std::same_as<std::error_code>;

      // True when every byte fed belonged to a frame already returned.
      { finished.at_boundary() } -> std::same_as<bool>;
    };

}  // namespace protocols
