// SHA-1 (FIPS 180-4), which the opening handshake of WebSocket computes. It is not secure: an
// attacker can make two texts of one hash, which does no harm there.
#pragma once

#include <array>
#include <cstddef>

#include "protocols/bytes.hpp"

namespace protocols::inline v0::detail {

[[nodiscard]] std::array<std::byte, 20> sha1(Bytes bytes);

}  // namespace protocols::detail
