// The common part of the request and the response decoder: the state of reading a message, and
// everything that follows its head.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/frame_decoder.hpp"
#include "protocols/http/message.hpp"
#include "protocols/http/section.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// What the fields of a head define about their message.
struct Signals {
  /// What Transfer-Encoding lists.
  enum class Coding : unsigned char { none, chunked, others_and_chunked, others };

  std::uint64_t content_length = 0;
  std::uint32_t upgrade = 0;  ///< Which field, counted from 1; 0: none.
  Coding coding = Coding::none;
  bool has_content_length = false;
  bool has_host = false;
  bool expects_continue = false;
  // Listed in Connection:
  bool close = false;
  bool keep_alive = false;
  bool upgrades = false;
};
/// Those of a head without any.
inline constexpr Signals no_signals;  // Copying it takes less time than gcc 12's code to clear one.

enum class ChunkLineState : unsigned char;

/// The base of the two decoders' protocols: owns the head and reads the body after it.
template <class H>
class MessageReader {
 public:
  using Frame = Event<H>;
  using Progress = SectionProgress;

  /// True between messages, and once no more messages follow.
  [[nodiscard]] bool at_boundary() const {
    return phase_ == Phase::head || phase_ == Phase::tunnel || phase_ == Phase::closed;
  }

  /// True after a CONNECT or an upgrade: what follows is not HTTP.
  [[nodiscard]] bool tunnels() const { return phase_ == Phase::tunnel; }

 protected:
  /// Where in a message the stream is.
  enum class Phase : unsigned char {
    head,
    length,      // A body; `left_` bytes of it are missing.
    close,       // A body that ends with the connection.
    chunk_line,  // The size of a chunk and its extensions.
    chunk_data,  // `left_` bytes of it are missing.
    chunk_cr,
    chunk_lf,
    trailers,
    end,     // Only the end event of this message is missing.
    tunnel,  // No longer HTTP.
    closed,  // What follows is ignored.
  };

  explicit MessageReader(const Limits& limits) : limits_(limits) {}

  // Parses everything but a head.
  Parsed<Frame> parse_body(Bytes bytes, Progress& progress);
  Parsed<Frame> skip_empty_line(Bytes bytes);

  Parsed<Frame> end_message(std::size_t size);

  // Delivers the complete `head_`, which took `size` bytes, and continues with its body. The phase
  // after the message is `after`.
  Parsed<Frame> deliver_head(std::size_t size, Phase after);

  Limits limits_;
  Phase phase_ = Phase::head;
  Phase after_ = Phase::head;  // The phase that follows the end of this message.
  bool finished_ = false;      // The peer sends no more.
  ChunkLineState chunk_line_{};
  std::uint32_t chunk_line_bytes_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t body_left_ = 0;  // The part of `max_body_bytes` that no chunk has used yet.
  Signals signals_;
  FieldIndex index_;  // Of the head, then of the trailers.
  Fields trailers_;
  H head_;

 private:
  Parsed<Frame> piece(Bytes bytes, Phase then);
  Parsed<Frame> parse_chunk_line(Bytes bytes);
  Parsed<Frame> parse_trailers(Bytes bytes, Progress& progress);
};

template <class H>
inline auto MessageReader<H>::deliver_head(std::size_t size, Phase after) -> Parsed<Frame> {
  after_ = after;
  std::size_t next_needs = 1;
  switch (head_.framing) {
    case Framing::none:
      phase_ = Phase::end;
      break;
    case Framing::length:
      left_ = head_.content_length;
      phase_ = left_ > 0 ? Phase::length : Phase::end;
      break;
    case Framing::chunked:
      phase_ = Phase::chunk_line;
      chunk_line_ = {};
      chunk_line_bytes_ = 0;
      left_ = 0;
      body_left_ = limits_.max_body_bytes;
      break;
    case Framing::close:
      phase_ = Phase::close;
      if (finished_) next_needs = 0;
      break;
  }
  if (phase_ == Phase::end) next_needs = 0;
  return Parsed<Frame>::frame({Frame::Kind::head, {}, &head_}, size, next_needs);
}

template <class H>
inline auto MessageReader<H>::end_message(std::size_t size) -> Parsed<Frame> {
  if (size == 0) trailers_ = {};
  phase_ = after_;
  return Parsed<Frame>::frame({Frame::Kind::end, {}, nullptr, &trailers_}, size);
}

extern template class MessageReader<RequestHead>;
extern template class MessageReader<ResponseHead>;

}  // namespace protocols::http
#pragma GCC visibility pop
