#include "reactor/version.hpp"

namespace reactor {

const char* version() noexcept { return UVREACTOR_VERSION; }

}  // namespace reactor
