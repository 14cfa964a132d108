#include "reactor/platform/platform.hpp"

namespace reactor::platform {

constinit thread_local Platform* replacement = nullptr;

}  // namespace reactor::platform
