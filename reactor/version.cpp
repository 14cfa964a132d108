#include "reactor/version.hpp"

namespace reactor::inline v0 {

const char* version() noexcept { return UVREACTOR_VERSION; }

}  // namespace reactor
