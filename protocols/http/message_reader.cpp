#include "protocols/http/message_reader.hpp"

#include <algorithm>

#include "protocols/http/chunk_line.hpp"
#include "protocols/http/section_reader.hpp"

namespace protocols::inline v0::http {
namespace {

std::uint64_t hex_value(char c) {
  return static_cast<std::uint64_t>(digits.contains(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

// Each chunk is allowed 16 bytes of line, and one more for each byte of its data. What its line
// takes beyond that counts against the limit of the lines that follow.
std::uint32_t beyond_allowance(std::uint32_t line_bytes, std::uint64_t data_bytes) {
  constexpr std::uint32_t line_bytes_a_chunk = 16;
  if (line_bytes <= line_bytes_a_chunk) return 0;
  const std::uint32_t beyond = line_bytes - line_bytes_a_chunk;
  return beyond > data_bytes ? beyond - static_cast<std::uint32_t>(data_bytes) : 0;
}

}  // namespace

template <class H>
auto MessageReader<H>::parse_body(Bytes bytes, Progress& progress) -> Parsed<Frame> {
  switch (phase_) {
    case Phase::end:
      return end_message(0);
    case Phase::length:
      return piece(bytes, Phase::end);
    case Phase::close:
      if (bytes.empty()) return end_message(0);
      return Parsed<Frame>::frame({Frame::Kind::body, bytes}, bytes.size(), finished_ ? 0 : 1);
    case Phase::chunk_line:
      return parse_chunk_line(bytes);
    case Phase::chunk_data:
      return piece(bytes, Phase::chunk_cr);
    case Phase::chunk_cr:
      if (as_text(bytes)[0] != '\r') return Parsed<Frame>::fail(DecodeError::bad_chunk, 0);
      phase_ = Phase::chunk_lf;
      return Parsed<Frame>::skip(1);
    case Phase::chunk_lf:
      if (as_text(bytes)[0] != '\n') return Parsed<Frame>::fail(DecodeError::bad_chunk, 0);
      phase_ = Phase::chunk_line;
      return Parsed<Frame>::skip(1);
    case Phase::trailers:
      return parse_trailers(bytes, progress);
    case Phase::tunnel:
      return Parsed<Frame>::frame({Frame::Kind::tunnel, bytes}, bytes.size());
    case Phase::head:
    case Phase::closed:
      break;
  }
  return Parsed<Frame>::skip(bytes.size());
}

// A robust server ignores an empty line where a message is expected (RFC 9112 2.2).
template <class H>
auto MessageReader<H>::skip_empty_line(Bytes bytes) -> Parsed<Frame> {
  if (bytes.size() < 2) return Parsed<Frame>::need(2);
  if (as_text(bytes)[1] != '\n') return Parsed<Frame>::fail(DecodeError::bad_line_end, 1);
  return Parsed<Frame>::skip(2);
}

template <class H>
auto MessageReader<H>::piece(Bytes bytes, Phase then) -> Parsed<Frame> {
  const Bytes here =
      bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  left_ -= here.size();
  if (left_ == 0) phase_ = then;
  return Parsed<Frame>::frame({Frame::Kind::body, here}, here.size(), phase_ == Phase::end ? 0 : 1);
}

// The bytes of the line are consumed as they arrive; nothing of it is kept.
template <class H>
auto MessageReader<H>::parse_chunk_line(Bytes bytes) -> Parsed<Frame> {
  const std::string_view text = as_text(bytes);
  for (std::size_t at = 0; at < text.size(); ++at) {
    chunk_line_ = next_state(chunk_line_, text[at]);
    if (chunk_line_ == ChunkLineState::wrong ||
        ++chunk_line_bytes_ > limits_.max_chunk_line_bytes) {
      return Parsed<Frame>::fail(DecodeError::bad_chunk, at);
    }
    if (chunk_line_ == ChunkLineState::size) {
      const std::uint64_t digit = hex_value(text[at]);
      if (digit > body_left_ || left_ > (body_left_ - digit) / 16) {
        return Parsed<Frame>::fail(DecodeError::body_too_large, at);
      }
      left_ = 16 * left_ + digit;
    }
    if (chunk_line_ == ChunkLineState::done) {
      body_left_ -= left_;
      phase_ = left_ > 0 ? Phase::chunk_data : Phase::trailers;
      chunk_line_ = {};
      chunk_line_bytes_ = beyond_allowance(chunk_line_bytes_, left_);
      return Parsed<Frame>::skip(at + 1);
    }
  }
  return Parsed<Frame>::skip(text.size());
}

template <class H>
auto MessageReader<H>::parse_trailers(Bytes bytes, Progress& progress) -> Parsed<Frame> {
  SectionReader reader(bytes, progress, limits_);
  if (reader.element() == SectionProgress::Element::start) reader.begin_fields(0, index_);
  const auto anything_goes = [](auto...) { return DecodeError{}; };
  if (!reader.read_fields(index_, anything_goes)) return reader.template stopped<Frame>();
  trailers_ = Fields(as_text(bytes).data(), index_.all());
  return end_message(reader.begin());
}

template class MessageReader<RequestHead>;
template class MessageReader<ResponseHead>;

}  // namespace protocols::http
