// The ports that sockets of this process share by SO_REUSEPORT. Internal.
#pragma once

#include <mutex>

#include "reactor/address.hpp"

namespace reactor::inline v0::shared_ports {

/// Records that this socket is bound, if it shares its port.
///
/// Thread    Any.
void note(int fd);

/// Whether a socket of this process that shares its port is bound to `address`.
///
/// Thread    Any.
[[nodiscard]] bool has(const Address& address);

/// Hold this from has() to note(), so that one of several threads that begin to listen is the
/// first.
[[nodiscard]] std::mutex& binding();

}  // namespace reactor::shared_ports
