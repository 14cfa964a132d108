// Makes a decoder of a protocol, which is one pure function.
//
//     struct Lines {
//       using Frame = std::string_view;
//       using Progress = std::size_t;                  // how far the search for LF has come
//       std::size_t max_line_bytes = 65536;            // options are plain members
//       Parsed<Frame> parse(Bytes bytes, Progress& scanned) const;
//     };
//     using LineDecoder = FrameDecoder<Lines>;
#pragma once

#include <algorithm>
#include <cassert>
#include <concepts>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include "protocols/bytes.hpp"
#include "protocols/error.hpp"
#include "protocols/receive_buffer.hpp"

namespace protocols::inline v0 {

/// What a protocol finds at the front of the bytes.
enum class Verdict : unsigned char { frame, skip, need, error };

/// The result of parsing the bytes at the front of the stream. A Frame is a value: copyable, and
/// made by `{}`. It may be a view of the bytes, which is valid until the next call of the decoder.
template <class Frame>
struct Parsed {
  /// The first `size` bytes are this frame. `next_needs` is 0 if one more frame may follow without
  /// another byte, such as the end of a message.
  static Parsed frame(Frame value, std::size_t size, std::size_t next_needs = 1) {
    return {Verdict::frame, 0, nullptr, size, next_needs, value};
  }

  /// The same frame, for a protocol that looks ahead: the first `seen_bytes` made it certain, which
  /// may be more than it has.
  [[nodiscard]] Parsed after(std::size_t seen_bytes) const {
    Parsed later = *this;
    later.seen = seen_bytes;
    return later;
  }

  /// The first `size` bytes lie between frames and mean nothing.
  static Parsed skip(std::size_t size) { return {Verdict::skip, 0, nullptr, size, 1, {}}; }

  /// No result is possible before there are `total` bytes, counted from the front. If that number
  /// is unknown, `total` is one more than there are.
  static Parsed need(std::size_t total) { return {Verdict::need, 0, nullptr, 0, total, {}}; }

  /// The stream is invalid. The byte at index `at` made it certain: as early a byte as possible,
  /// and the same one however many bytes follow. `error` may be of any category; it is not 0.
  static Parsed fail(std::error_code error, std::size_t at) {
    return {Verdict::error, error.value(), &error.category(), at + 1, 1, {}};
  }

  /// The same verdict for frames of another type, when it contains no frame.
  template <class Other>
  [[nodiscard]] Parsed<Other> without_frame() const {
    assert(verdict != Verdict::frame);
    return {verdict, reason, reason_category, size, needs, {}};
  }

  Verdict verdict;
  // A std::error_code in parts: making an empty one calls a function for each frame.
  int reason;
  const std::error_category* reason_category;
  std::size_t size;  ///< Bytes to consume: up to the end of the frame or of the invalid byte.
  std::size_t needs;
  Frame value;
  std::size_t seen = 0;  ///< See after().
};

/// A message format: options as members, and one function.
///
/// `parse` gets all bytes that have arrived from the front of the next frame on: at least one,
/// unless it needs none. Its result depends on these bytes only; `progress` only records which of
/// them were checked already. It starts as `{}` for each frame and is kept while more bytes are
/// needed, so that no byte is checked twice. A protocol of several phases keeps its phase as a
/// member and changes it when it returns a frame; its `at_boundary()` then returns whether it is
/// between messages. If the end of the stream may complete a frame, `finish()` is called at that
/// end, and returns whether a frame follows without another byte. If bytes after a frame may
/// determine its end, the protocol has `static constexpr bool looks_ahead = true`. If it skips the
/// beginning of a frame that it keeps itself, its `frame_bytes()` returns the size of all of it.
template <class P>
concept Protocol =
    std::movable<P> && std::default_initializable<typename P::Progress> &&
    std::copyable<typename P::Frame> && std::default_initializable<typename P::Frame> &&
    requires(P& protocol, Bytes bytes, typename P::Progress& progress) {
      { protocol.parse(bytes, progress) } -> std::same_as<Parsed<typename P::Frame>>;
    };

/// For a protocol that has nothing to record while it needs more.
struct NoProgress {};

/// The position of something in a stream, counted from the first byte.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  bool operator==(const Extent&) const = default;
};

/// The Decoder of a protocol; decoder.hpp states what it promises.
///
///     LineDecoder decoder({.max_line_bytes = 4096});
template <Protocol P>
class FrameDecoder {
 public:
  using Frame = typename P::Frame;

  FrameDecoder() = default;
  explicit FrameDecoder(P protocol) : protocol_(std::move(protocol)) {}

  void feed(Bytes bytes) {
    if (!error_) buffer_.feed(bytes);
  }

  [[nodiscard]] std::optional<Frame> next() {
    while (has_enough()) {
      Parsed<Frame> parsed = protocol_.parse(buffer_.window(), progress_);
      if (advance(parsed)) return parsed.value;
    }
    return std::nullopt;
  }

  /// Calls `on_frame` for each frame that next() would return, until it returns false. This loop
  /// keeps what is the same for all frames in registers, so small frames cost less than by next().
  ///
  ///     decoder.drain([&](std::string_view line) { handle(line); return !stopped; });
  ///
  /// Returns false if on_frame did, and true when there is no further frame. on_frame may use the
  /// decoder, assign another one to it, and throw: the frames before are consumed. It must not
  /// destroy the decoder.
  template <class OnFrame>
  bool drain(OnFrame&& on_frame) {
    while (has_enough()) {
      Parsed<Frame> parsed = protocol_.parse(buffer_.window(), progress_);
      if (advance(parsed) && !on_frame(std::as_const(parsed.value))) return false;
    }
    return true;
  }

  void copy_tail() { buffer_.copy_tail(); }

  /// The stream has ended; next() then also returns what only the end completes.
  void finish()
    requires requires(P& protocol) { protocol.finish(); }
  {
    if (protocol_.finish()) needs_ = 0;
  }

  [[nodiscard]] std::error_code error() const { return error_; }

  [[nodiscard]] bool at_boundary() const {
    if constexpr (requires { protocol_.at_boundary(); }) {
      if (!protocol_.at_boundary()) return false;
    }
    return !error_ && buffer_.empty();
  }

  /// The bytes of the frame that was last returned; once error() is set, the byte that made the
  /// error certain. Neither depends on how the stream was split.
  [[nodiscard]] Extent extent() const {
    std::uint64_t size = error_ ? 1 : taken_;
    if constexpr (requires { protocol_.frame_bytes(); }) {
      if (!error_) size = protocol_.frame_bytes();
    }
    return {buffer_.consumed() - size, size};
  }

  /// The position in the stream after what was last returned or skipped.
  [[nodiscard]] std::uint64_t position() const { return buffer_.consumed(); }

  /// The bytes that were fed and belong to no frame yet: the beginning of the next one, or the data
  /// with which another protocol continues.
  ///
  /// Lifetime  As a frame.
  /// Cost      copy_tail()
  [[nodiscard]] Bytes rest() {
    buffer_.copy_tail();
    return buffer_.window();
  }

  [[nodiscard]] const P& protocol() const { return protocol_; }
  [[nodiscard]] P& protocol() { return protocol_; }

 private:
  bool has_enough() { return buffer_.window().size() >= needs_ || buffer_.extend(needs_); }

  // Consumes what was parsed. Returns whether it is a frame.
  bool advance(Parsed<Frame>& parsed) {
    assert((parsed.verdict != Verdict::need || parsed.needs > buffer_.window().size()) &&
           "a protocol asked for what it has");
    needs_ = parsed.needs;
    if (parsed.verdict == Verdict::need) return false;
    if constexpr (looks_ahead) note_seen(parsed);
    progress_ = {};
    taken_ = parsed.size;
    buffer_.consume(parsed.size);
    if (parsed.verdict == Verdict::error) fail({parsed.reason, *parsed.reason_category});
    return parsed.verdict == Verdict::frame;
  }

  void fail(std::error_code reason) {
    error_ = reason;
    buffer_.clear();
  }

  // An error is no earlier than the bytes that were seen to find the end of the frame before.
  void note_seen(Parsed<Frame>& parsed) {
    if (parsed.verdict == Verdict::error) parsed.size = std::max(parsed.size, seen_);
    seen_ = std::max(seen_, parsed.seen);
    seen_ -= std::min(seen_, parsed.size);
  }

  static constexpr bool looks_ahead = requires { requires P::looks_ahead; };

  ReceiveBuffer buffer_;
  std::size_t seen_ = 0;   // Bytes seen of those in the buffer; with looks_ahead.
  std::size_t needs_ = 1;  // parse() has no result for fewer bytes than this.
  std::size_t taken_ = 0;
  [[no_unique_address]] P protocol_;
  [[no_unique_address]] typename P::Progress progress_{};
  std::error_code error_;
};

}  // namespace protocols
