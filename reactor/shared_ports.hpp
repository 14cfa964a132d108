// The ports that sockets of this process share by SO_REUSEPORT. Internal.
#pragma once

#include "reactor/address.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

namespace reactor::shared_ports {

/// Remembers that this socket is bound, if it shares its port.
///
/// Thread    Any.
void note(int fd);

/// Binds a TCP or UDP socket to a port that it may share with other sockets of this process, and
/// with no other process: the first one binds without SO_REUSEPORT.
///
/// Errors    As Socket::bind; address_in_use: another process has the port.
/// Thread    Any.
[[nodiscard]] Result<void> bind(Socket& socket, const Address& address);

}  // namespace reactor::shared_ports
