// Random numbers that no peer can predict, from the system. Internal.
#pragma once

#include <cstddef>
#include <span>

namespace web {

/// Up to 256 bytes. They are taken from a supply of this thread, so that each costs little.
void fill_randomly(std::span<std::byte> bytes);

}  // namespace web
