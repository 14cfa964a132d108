// The network interfaces of this host and their addresses.
#pragma once

#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// One address of one network interface of this host.
struct Interface {
  std::string name;            ///< "eth0"
  unsigned index = 0;          ///< For multicast options and IPv6 scopes.
  Address address;             ///< Port 0.
  Address broadcast;           ///< Meaningful when can_broadcast; port 0.
  bool can_broadcast = false;  ///< IPv4 only: IPv6 has multicast instead.
  bool is_up = false;
};

/// Every IPv4 and IPv6 address of every interface.
///
/// Errors    Those of getifaddrs.
[[nodiscard]] Result<std::vector<Interface>> interfaces();

}  // namespace reactor
#pragma GCC visibility pop
