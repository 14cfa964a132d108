#include "reactor/random_bytes.hpp"

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {

void fill_randomly(std::span<std::byte> bytes) { sys::random_bytes(bytes.data(), bytes.size()); }

}  // namespace reactor
