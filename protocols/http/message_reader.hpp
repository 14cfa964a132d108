// What the request and the response decoder have in common: the state of reading a message, and
// all that comes after its head.
#pragma once

#include <cstdint>
#include <vector>

#include "protocols/frame_decoder.hpp"
#include "protocols/http/message.hpp"

namespace protocols::http {

/// How far a head or a trailer section has been read; what lies before `at` is not looked at again.
struct SectionProgress {
  /// What `at` is in.
  enum class Element : unsigned char { start, target, version, status, reason, name, value };

  Element element = Element::start;
  std::uint32_t line = 0;   ///< Where the line begins that `at` is in.
  std::uint32_t begin = 0;  ///< Where the element begins.
  std::uint32_t at = 0;
};

/// What the fields of a head say about the message that they head.
struct Signals {
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

enum class ChunkLineState : unsigned char;

/// The base of the two decoders' protocols: owns the head and reads the body behind it.
template <class H>
class MessageReader {
 public:
  using Frame = Event<H>;
  using Progress = SectionProgress;

  /// True between messages, and where nothing that follows is a message any more.
  [[nodiscard]] bool at_boundary() const {
    return phase_ == Phase::head || phase_ == Phase::tunnel || phase_ == Phase::closed;
  }

  /// True behind a CONNECT or an upgrade: what follows is not HTTP.
  [[nodiscard]] bool tunnels() const { return phase_ == Phase::tunnel; }

 protected:
  // Where in a message the stream is.
  enum class Phase : unsigned char {
    head,
    length,      // A body of which `left_` bytes are to come.
    close,       // A body that the end of the connection ends.
    chunk_line,  // The size of a chunk and its extensions.
    chunk_data,  // `left_` bytes of it are to come.
    chunk_cr,
    chunk_lf,
    trailers,
    end,     // Nothing more of this message but to say so.
    tunnel,  // Not HTTP any more.
    closed,  // What follows is not looked at.
  };

  explicit MessageReader(const Limits& limits) : limits_(limits) {}

  // Everything but a head.
  Parsed<Frame> parse_body(Bytes bytes, Progress& progress);
  Parsed<Frame> skip_empty_line(Bytes bytes);

  // Hands over the complete `head_`, which took `size` bytes, and goes on as it says; what follows
  // the message is known by then.
  Parsed<Frame> deliver_head(std::size_t size, Phase after);

  void begin_head() {
    places_.clear();
    signals_ = {};
  }

  Limits limits_;
  Phase phase_ = Phase::head;
  Phase after_ = Phase::head;  // The phase that follows the end of this message.
  bool finished_ = false;      // The peer sends no more.
  ChunkLineState chunk_line_{};
  std::uint32_t chunk_line_bytes_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t body_left_ = 0;  // What of `max_body_bytes` no chunk has used yet.
  Signals signals_;
  std::vector<Fields::Place> places_;  // Of the head, then of the trailers.
  Fields trailers_;
  H head_;

 private:
  Parsed<Frame> piece(Bytes bytes, Phase then);
  Parsed<Frame> parse_chunk_line(Bytes bytes);
  Parsed<Frame> parse_trailers(Bytes bytes, Progress& progress);
  Parsed<Frame> end_message(std::size_t size);
};

extern template class MessageReader<RequestHead>;
extern template class MessageReader<ResponseHead>;

}  // namespace protocols::http
