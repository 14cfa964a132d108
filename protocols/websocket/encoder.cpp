#include "protocols/websocket/encoder.hpp"

#include <algorithm>
#include <array>

#include "protocols/integer.hpp"
#include "protocols/websocket/frame_bits.hpp"
#include "protocols/websocket/mask.hpp"
#include "protocols/websocket/utf8.hpp"

namespace protocols::inline v0::websocket {
namespace {

Opcode opcode_of(Event::Kind kind) {
  return kind == Event::Kind::text ? Opcode::text : Opcode::binary;
}

bool is_message(Event::Kind kind) {
  return kind == Event::Kind::text || kind == Event::Kind::binary;
}

}  // namespace

void append_frame_header(std::vector<std::byte>& out, const FrameHeader& header,
                         std::uint64_t payload_bytes) {
  const unsigned first = static_cast<unsigned char>(header.opcode) |
                         (header.last ? unsigned{fin_bit} : 0U) |
                         (header.compressed ? unsigned{rsv1} : 0U);
  const unsigned second = header.key ? mask_bit : 0;
  out.push_back(static_cast<std::byte>(first));
  if (payload_bytes < length_in_16_bits) {
    out.push_back(static_cast<std::byte>(second | payload_bytes));
  } else if (payload_bytes <= 0xFFFF) {
    out.push_back(static_cast<std::byte>(second | length_in_16_bits));
    append_integer(out, payload_bytes, 2, std::endian::big);
  } else {
    out.push_back(static_cast<std::byte>(second | length_in_64_bits));
    append_integer(out, payload_bytes, 8, std::endian::big);
  }
  if (header.key) out.insert(out.end(), header.key->begin(), header.key->end());
}

void append_frame(std::vector<std::byte>& out, const FrameHeader& header, Bytes payload) {
  append_frame_header(out, header, payload.size());
  const std::size_t begin = out.size();
  out.insert(out.end(), payload.begin(), payload.end());
  if (header.key) apply_mask(std::span(out).subspan(begin), *header.key);
}

void apply_mask(std::span<std::byte> bytes, const MaskKey& key, std::size_t begin) {
  mask(bytes.data(), bytes, key_after(key, begin));
}

bool Encoder::text(std::vector<std::byte>& out, std::string_view message) {
  if (in_message_ || !is_utf8(as_bytes(message))) return false;
  return write(out, {.opcode = Opcode::text}, as_bytes(message));
}

bool Encoder::binary(std::vector<std::byte>& out, Bytes message) {
  return !in_message_ && write(out, {.opcode = Opcode::binary}, message);
}

bool Encoder::piece(std::vector<std::byte>& out, Event::Kind kind, Bytes piece, bool last) {
  if (!is_message(kind)) return false;
  const Opcode opcode = in_message_ ? Opcode::continuation : opcode_of(kind);
  if (!write(out, {.opcode = opcode, .last = last}, piece)) return false;
  in_message_ = !last;
  return true;
}

bool Encoder::compressed(std::vector<std::byte>& out, Event::Kind kind, Bytes deflated) {
  if (in_message_ || !is_message(kind)) return false;
  return write(out, {.opcode = opcode_of(kind), .compressed = true}, deflated);
}

bool Encoder::ping(std::vector<std::byte>& out, Bytes payload) {
  return control(out, Opcode::ping, payload);
}

bool Encoder::pong(std::vector<std::byte>& out, Bytes payload) {
  return control(out, Opcode::pong, payload);
}

bool Encoder::close(std::vector<std::byte>& out, std::uint16_t code, std::string_view reason) {
  if (code == close_code::none) {
    if (!reason.empty() || !control(out, Opcode::close, {})) return false;
  } else {
    std::array<std::byte, max_control_bytes> payload;
    if (!is_close_code(code) || reason.size() + 2 > payload.size()) return false;
    if (!is_utf8(as_bytes(reason))) return false;
    payload[0] = static_cast<std::byte>(code >> 8);
    payload[1] = static_cast<std::byte>(code & 0xFF);
    const Bytes text = as_bytes(reason);
    std::copy(text.begin(), text.end(), payload.begin() + 2);
    if (!control(out, Opcode::close, Bytes(payload).first(2 + text.size()))) return false;
  }
  closed_ = true;
  return true;
}

bool Encoder::write(std::vector<std::byte>& out, FrameHeader header, Bytes payload) {
  if (closed_) return false;
  if (next_key_) header.key = next_key_();
  append_frame(out, header, payload);
  return true;
}

bool Encoder::control(std::vector<std::byte>& out, Opcode opcode, Bytes payload) {
  return payload.size() <= max_control_bytes && write(out, {.opcode = opcode}, payload);
}

}  // namespace protocols::websocket
