// Masking (RFC 6455 5.3): byte i of a payload is XORed with byte i mod 4 of the key.
#pragma once

#include "protocols/bytes.hpp"
#include "protocols/websocket/message.hpp"

namespace protocols::inline v0::websocket {

/// Writes the masked or unmasked `in` to `out`, which may be the same place.
void mask(std::byte* out, Bytes in, MaskKey key);

/// The key for the bytes that follow the first `size` ones.
[[nodiscard]] MaskKey key_after(MaskKey key, std::size_t size);

}  // namespace protocols::websocket
