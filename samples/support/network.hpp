// The network that a peer's address belongs to.
#pragma once

#include <string>

#include "reactor/address.hpp"

namespace samples {

/// What one customer of a provider usually has as a whole, as a key: an IPv4 address (also one that
/// is mapped into IPv6), the first 64 bits of an IPv6 address, or `unix` for every unix socket.
[[nodiscard]] std::string network_of(const reactor::Address& peer);

}  // namespace samples
