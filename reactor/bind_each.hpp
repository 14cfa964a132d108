// One socket for each address of a name.
#pragma once

#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Opens a socket and binds it to `address`. An IPv6 socket that is not `alone` must not receive
/// IPv4 traffic (option::ipv6_only), since another socket of the name receives it.
using OpenBound = Callback<Result<Socket>(const Address& address, bool alone)>;

/// Calls `open` for each address of a name, in order. For port 0 the kernel chooses one port for
/// all of them. An address that this host does not have is left out if another one is left.
///
///     const auto addresses = reactor::resolve_now("localhost:9000");
///     if (!addresses) return Failure(addresses.error());
///     auto sockets = reactor::bind_each(*addresses, open);
///
/// Errors    As `open`; then no socket is left open.
[[nodiscard]] Result<std::vector<Socket>> bind_each(const std::vector<Address>& addresses,
                                                    OpenBound open);

}  // namespace reactor
#pragma GCC visibility pop
