// The bits of the first two bytes of a frame (RFC 6455 5.2), for reading and for writing.
#pragma once

namespace protocols::inline v0::websocket {

// Of the first byte.
inline constexpr unsigned char fin_bit = 0x80;
inline constexpr unsigned char all_rsv = 0x70;
inline constexpr unsigned char rsv1 = 0x40;
inline constexpr unsigned char opcode_bits = 0x0F;
inline constexpr unsigned char control_bit = 0x08;

// Of the second byte.
inline constexpr unsigned char mask_bit = 0x80;
inline constexpr unsigned char length_bits = 0x7F;

// Lengths that mean that a longer length follows.
inline constexpr unsigned char length_in_16_bits = 126;
inline constexpr unsigned char length_in_64_bits = 127;

}  // namespace protocols::websocket
