// The platform that the library under test was built for.
#pragma once

#include "reactor/socket_option.hpp"

/// Whether it is the portable platform, which lacks what Linux has in addition to POSIX.
inline bool on_portable_platform() { return reactor::option::error_queue.number < 0; }
