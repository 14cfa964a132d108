#include "reactor/platform/platform.hpp"

namespace reactor::inline v0::platform {

constinit thread_local Platform* replacement = nullptr;

}  // namespace reactor::platform
