// The contract of every decoder: bytes in, messages out, however the network splits them.
//
// TCP carries a stream of bytes and keeps only their order: two messages that were written
// separately may arrive in one read, one message in twenty. A decoder turns the stream back into
// the messages that were written. It does no input or output, so it works on a socket, a pipe, a
// file or a test:
//
//     decoder.feed(bytes);                              // cut anywhere
//     while (auto frame = decoder.next()) handle(*frame);   // or drain(): faster for small frames
//     if (auto error = decoder.error()) give_up(error);
//     ...
//     if (!decoder.at_boundary()) complain();           // at the end: the peer hung up mid-frame
//
// What each decoder promises, and the tests check:
//
// - Split-invariant. For every stream and every way to split it the frames and the error are the
//   same. If a frame is one piece of a longer message (a streamed body), the pieces follow the
//   split, and their concatenation is the same.
// - Borrowing. feed() copies nothing. The bytes must not change until next() has returned nothing,
//   or copy_tail() was called; only an unfinished tail is kept. A frame that is complete in the
//   bytes fed is a view of them: no copy, no allocation.
// - A frame is valid until the next call of next(), feed() or copy_tail().
// - Final errors. Frames before the bad byte are delivered, nothing after it. The error is set as
//   soon as it is certain, whatever may follow, and stays set.
// - Linear. A stream fed one byte at a time costs time in proportion to its bytes.
// - Bounded. Every limit is finite by default. Memory grows with the bytes received, never with a
//   length that was announced.
//
// A new protocol is a pure function from contiguous bytes to a frame, to "need more" or to an
// error. frame_decoder.hpp makes a Decoder of it; receive_buffer.hpp does the buffering. A protocol
// need not use either: any type of this shape is a Decoder.
#pragma once

#include <concepts>
#include <optional>
#include <system_error>

#include "protocols/bytes.hpp"

namespace protocols::inline v0 {

/// What can be attached to a stream: any type of this shape, without a base class. Its Frame is a
/// movable value, not a reference; a view in it is valid as long as the frame.
///
/// Lifetime  A decoder is a value. The bytes passed to feed() still belong to the caller.
template <class D>
concept Decoder =
    std::movable<D> && std::movable<typename D::Frame> &&
    requires(D decoder, const D finished, Bytes bytes) {
      // Takes the next bytes of the stream; does nothing once error() is set.
      decoder.feed(bytes);

      // The next whole frame, or nothing until more has been fed.
      { decoder.next() } -> std::same_as<std::optional<typename D::Frame>>;

      // Copies what has not been consumed of the bytes fed. The caller may then release them before
      // next() has returned nothing: for a connection that pauses or is replaced during a batch of
      // frames.
      decoder.copy_tail();

      // Set once the stream cannot be decoded any further; stays set.
      { finished.error() } -> std::same_as<std::error_code>;

      // True when every byte fed belonged to a frame already returned.
      { finished.at_boundary() } -> std::same_as<bool>;
    };

}  // namespace protocols
