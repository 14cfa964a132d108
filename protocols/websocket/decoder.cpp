#include "protocols/websocket/decoder.hpp"

#include <algorithm>
#include <optional>

#include "protocols/integer.hpp"
#include "protocols/websocket/close.hpp"
#include "protocols/websocket/frame_bits.hpp"
#include "protocols/websocket/mask.hpp"

namespace protocols::inline v0::websocket {
namespace {

constexpr std::uint64_t shortest_in_16_bits = 126, shortest_in_64_bits = 0x10000;

constexpr std::size_t idle_bytes = 65536;
constexpr std::size_t inflated_at_once = 16384;
constexpr std::size_t smallest_room = 256;
constexpr std::array flush_end{std::byte{0x00}, std::byte{0x00}, std::byte{0xFF}, std::byte{0xFF}};

unsigned char at(Bytes bytes, std::size_t index) {
  return std::to_integer<unsigned char>(bytes[index]);
}

}  // namespace

struct Messages::Header {
  unsigned char first = 0;
  bool masked = false;
  std::size_t size = 0;
  std::uint64_t length = 0;
  MaskKey key{};

  [[nodiscard]] bool last() const { return (first & fin_bit) != 0; }
  [[nodiscard]] unsigned char rsv() const { return first & all_rsv; }
  [[nodiscard]] Opcode opcode() const { return static_cast<Opcode>(first & opcode_bits); }
  [[nodiscard]] bool control() const { return (first & control_bit) != 0; }
};

auto Messages::parse(Bytes bytes, Progress&) -> Parsed<Frame> {
  switch (phase_) {
    case Phase::frame:
      return parse_frame(bytes);
    case Phase::payload:
      return parse_payload(bytes, 0);
    case Phase::inflating:
      return inflate_more(1);
    case Phase::release:
      room_ = std::vector<std::byte>();
      phase_ = Phase::frame;
      return bytes.empty() ? Parsed<Frame>::need(1) : parse_frame(bytes);
    case Phase::closed:
      break;
  }
  return Parsed<Frame>::skip(bytes.size());
}

auto Messages::parse_frame(Bytes bytes) -> Parsed<Frame> {
  Header header;
  header.first = at(bytes, 0);
  if (const auto wrong = wrong_first(header.first)) return Parsed<Frame>::fail(*wrong, 0);
  if (const auto unfinished = read_length(bytes, header)) return *unfinished;
  if (header.masked) {
    const std::size_t key_begin = header.size;
    header.size += header.key.size();
    if (bytes.size() < header.size) return Parsed<Frame>::need(header.size);
    std::copy_n(bytes.data() + key_begin, header.key.size(), header.key.data());
  }
  if (header.control()) return parse_control(bytes, header);

  if (!in_message_) {
    in_message_ = is_first_ = true;
    kind_ = header.opcode() == Opcode::text ? Event::Kind::text : Event::Kind::binary;
    is_deflated_ = header.rsv() != 0;
    text_ = {};
    message_size_ = 0;
    used_ = 0;
  }
  left_ = header.length;
  is_last_ = header.last();
  is_masked_ = header.masked;
  key_ = header.key;
  return parse_payload(bytes, header.size);
}

// Why no frame may begin with this byte.
std::optional<DecodeError> Messages::wrong_first(unsigned char first) const {
  const Header header{.first = first};
  switch (header.opcode()) {
    case Opcode::continuation:
      if (!in_message_) return DecodeError::unexpected_continuation;
      break;
    case Opcode::text:
    case Opcode::binary:
      if (in_message_) return DecodeError::expected_continuation;
      if (header.rsv() == rsv1 && settings_.inflater) return {};
      break;
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      if (!header.last()) return DecodeError::fragmented_control;
      break;
    default:
      return DecodeError::reserved_opcode;
  }
  if (header.rsv() != 0) return DecodeError::reserved_bits;
  return {};
}

// Reads up to the masking key. Returns a result if more bytes are needed, or the length is wrong.
auto Messages::read_length(Bytes bytes, Header& header) const -> std::optional<Parsed<Frame>> {
  if (bytes.size() < 2) return Parsed<Frame>::need(2);
  const unsigned char second = at(bytes, 1);
  header.masked = (second & mask_bit) != 0;
  if (header.masked != (settings_.role == Role::server)) {
    return Parsed<Frame>::fail(
        header.masked ? DecodeError::mask_forbidden : DecodeError::mask_required, 1);
  }
  header.length = second & length_bits;
  header.size = 2;
  if (header.control()) {
    if (header.length > max_control_bytes) {
      return Parsed<Frame>::fail(DecodeError::control_too_long, 1);
    }
    if (header.opcode() == Opcode::close && header.length == 1) {
      return Parsed<Frame>::fail(DecodeError::bad_close_length, 1);
    }
    return {};
  }
  if (header.length >= length_in_16_bits) {
    const bool is_long = header.length == length_in_64_bits;
    const std::size_t width = is_long ? 8 : 2;
    if (is_long) {
      if (bytes.size() < 3) return Parsed<Frame>::need(3);
      if (at(bytes, 2) >= 0x80) return Parsed<Frame>::fail(DecodeError::length_msb, 2);
    }
    header.size += width;
    if (bytes.size() < header.size) return Parsed<Frame>::need(header.size);
    header.length = read_integer(bytes.subspan(2), width, std::endian::big);
    if (header.length < (is_long ? shortest_in_64_bits : shortest_in_16_bits)) {
      return Parsed<Frame>::fail(DecodeError::non_minimal_length, header.size - 1);
    }
  }
  if (header.length > std::min(settings_.max_frame_bytes, room_in_message(header))) {
    return Parsed<Frame>::fail(DecodeError::too_large, header.size - 1);
  }
  return {};
}

// How much payload the message may still have, if that is known before it is inflated.
std::uint64_t Messages::room_in_message(const Header& header) const {
  const bool deflated = in_message_ ? is_deflated_ : header.rsv() != 0;
  if (deflated) return UINT64_MAX;
  return settings_.max_message_bytes - (in_message_ ? message_size_ : 0);
}

auto Messages::parse_control(Bytes bytes, const Header& header) -> Parsed<Frame> {
  const auto length = static_cast<std::size_t>(header.length);
  const std::size_t total = header.size + length;
  const bool closes = header.opcode() == Opcode::close;
  if (bytes.size() < total && !closes) return Parsed<Frame>::need(total);

  Bytes payload = bytes.subspan(header.size, std::min(length, bytes.size() - header.size));
  if (header.masked) {
    mask(control_.data(), payload, header.key);
    payload = Bytes(control_).first(payload.size());
  }
  if (closes) return parse_close(payload, header);
  const bool pings = header.opcode() == Opcode::ping;
  return control_event(pings ? Event::Kind::ping : Event::Kind::pong, payload, total);
}

// `payload` is what has arrived of it, so that a wrong byte is refused at once.
auto Messages::parse_close(Bytes payload, const Header& header) -> Parsed<Frame> {
  std::uint16_t code = close_code::none;
  if (payload.size() >= 2) {
    code = static_cast<std::uint16_t>(read_integer(payload, 2, std::endian::big));
    if (!is_close_code(code))
      return Parsed<Frame>::fail(DecodeError::bad_close_code, header.size + 1);
    payload = payload.subspan(2);
    Utf8Check reason;
    const std::size_t valid = reason.add(payload);
    const bool whole = payload.size() + 2 == header.length;
    if (valid < payload.size() || (whole && !reason.complete())) {
      const std::size_t wrong = valid < payload.size() ? valid : valid - 1;
      return Parsed<Frame>::fail(DecodeError::invalid_utf8, header.size + 2 + wrong);
    }
    if (!whole) return Parsed<Frame>::need(header.size + 2 + payload.size() + 1);
  } else if (payload.size() < header.length) {
    return Parsed<Frame>::need(header.size + 2);
  }
  Parsed<Frame> event = control_event(Event::Kind::close, payload,
                                      header.size + static_cast<std::size_t>(header.length));
  event.value.code = code;
  phase_ = Phase::closed;
  room_ = std::vector<std::byte>();
  return event;
}

auto Messages::control_event(Event::Kind kind, Bytes data, std::size_t size) -> Parsed<Frame> {
  event_bytes_ = size;
  message_bytes_ = 0;
  Event event;
  event.kind = kind;
  event.data = data;
  return Parsed<Frame>::frame(event, size);
}

// The payload of a message's frame, as far as it has arrived: `bytes` from `begin` on.
auto Messages::parse_payload(Bytes bytes, std::size_t begin) -> Parsed<Frame> {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - begin));
  const std::size_t end = begin + size;
  const Bytes payload = bytes.subspan(begin, size);
  left_ -= size;
  phase_ = left_ > 0 ? Phase::payload : Phase::frame;
  const bool done = left_ == 0 && is_last_;
  if (is_deflated_) return inflate_payload(payload, end);

  const bool stays = is_masked_ || (!settings_.in_pieces && (!done || used_ > 0));
  const Bytes piece = stays ? keep(payload) : payload;
  if (kind_ == Event::Kind::text) {
    const std::size_t valid = text_.add(piece);
    if (valid < size) return Parsed<Frame>::fail(DecodeError::invalid_utf8, begin + valid);
    if (done && !text_.complete()) return Parsed<Frame>::fail(DecodeError::invalid_utf8, end - 1);
  }
  message_size_ += size;
  return pass_on(piece, end);
}

// Inflates in steps, each at most `inflated_at_once` bytes, so that memory is bounded by the limit
// of a message and not by what a sender has compressed.
auto Messages::inflate_payload(Bytes payload, std::size_t end) -> Parsed<Frame> {
  compressed_.resize(payload.size());
  inflated_ = 0;
  if (is_masked_) {
    mask(compressed_.data(), payload, key_);
    key_ = key_after(key_, payload.size());
  } else {
    std::copy(payload.begin(), payload.end(), compressed_.begin());
  }
  if (left_ == 0 && is_last_) {
    compressed_.insert(compressed_.end(), flush_end.begin(), flush_end.end());
  }
  return inflate_more(end);
}

// While more can be inflated, the last byte is not consumed: an error is then at that byte.
auto Messages::inflate_more(std::size_t end) -> Parsed<Frame> {
  const std::size_t flush = left_ == 0 && is_last_ ? flush_end.size() : 0;
  // At the byte up to which the data was read, unless that is consumed already.
  const auto fail = [&](DecodeError error) {
    const std::size_t unread = compressed_.size() - std::min(inflated_ + flush, compressed_.size());
    return Parsed<Frame>::fail(error, end - 1 - std::min(unread, end - 1));
  };
  for (;;) {
    if (settings_.in_pieces) used_ = 0;
    // One byte more than the limit allows is enough to refuse the message.
    const std::uint64_t allowed = settings_.max_message_bytes - message_size_;
    const std::size_t size =
        allowed < inflated_at_once ? static_cast<std::size_t>(allowed) + 1 : inflated_at_once;
    std::byte* const out = room_for(size);
    const Bytes in = Bytes(compressed_).subspan(inflated_);
    const auto step = settings_.inflater->inflate(in, {out, size});
    const Bytes piece(out, step.produced);
    inflated_ += step.consumed;
    used_ += step.produced;
    message_size_ += step.produced;

    const bool more = inflated_ < compressed_.size() || step.produced == size;
    const bool is_stuck = more && step.consumed + step.produced == 0;
    if (step.failed || is_stuck) return fail(DecodeError::bad_deflate);
    if (message_size_ > settings_.max_message_bytes) return fail(DecodeError::too_large);
    const bool is_text = kind_ == Event::Kind::text;
    if (is_text && text_.add(piece) < piece.size()) return fail(DecodeError::invalid_utf8);

    if (more) {
      if (!settings_.in_pieces || piece.empty()) continue;
      phase_ = Phase::inflating;
      return pass_on(piece, end - 1);
    }
    phase_ = left_ > 0 ? Phase::payload : Phase::frame;
    if (left_ == 0 && is_last_) {
      if (is_text && !text_.complete()) return fail(DecodeError::invalid_utf8);
      settings_.inflater->end_message();
    }
    return pass_on(piece, end);
  }
}

// Returns the next piece, or the message if it is complete. `end` bytes of the stream were used.
auto Messages::pass_on(Bytes piece, std::size_t end) -> Parsed<Frame> {
  const bool done = left_ == 0 && is_last_ && phase_ != Phase::inflating;
  message_bytes_ += end;
  if (!done && (!settings_.in_pieces || piece.empty())) return Parsed<Frame>::skip(end);

  Event event;
  event.kind = kind_;
  event.first = !settings_.in_pieces || is_first_;
  event.last = done;
  event.data = settings_.in_pieces || used_ == 0 ? piece : Bytes(room_).first(used_);
  event_bytes_ = settings_.in_pieces ? end : message_bytes_;
  is_first_ = false;
  if (!done) return Parsed<Frame>::frame(event, end);

  in_message_ = false;
  message_bytes_ = 0;
  const bool releases = room_.size() > idle_bytes;
  if (releases) phase_ = Phase::release;
  return Parsed<Frame>::frame(event, end, releases ? 0 : 1);
}

// Copies `payload` behind what is kept of the message, unmasked.
Bytes Messages::keep(Bytes payload) {
  if (settings_.in_pieces) used_ = 0;
  std::byte* const place = room_for(payload.size());
  if (is_masked_) {
    mask(place, payload, key_);
    if (left_ > 0) key_ = key_after(key_, payload.size());
  } else {
    std::copy(payload.begin(), payload.end(), place);
  }
  used_ += payload.size();
  return {place, payload.size()};
}

// Keeps the room of the message before, so that it is not cleared for each one.
std::byte* Messages::room_for(std::size_t size) {
  if (room_.size() - used_ < size) {
    room_.resize(std::max({used_ + size, 2 * room_.size(), smallest_room}));
  }
  return room_.data() + used_;
}

}  // namespace protocols::websocket
