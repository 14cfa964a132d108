// The network that a peer's address belongs to.
#pragma once

#include <string>

#include "reactor/address.hpp"

namespace samples {

/// reactor::Address::network as text: `192.0.2.7`, `2001:db8:1:2::/64`, or `unix`.
[[nodiscard]] std::string network_of(const reactor::Address& peer);

}  // namespace samples
