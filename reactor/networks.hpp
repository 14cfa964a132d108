// Networks, for lists of addresses that a program trusts.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// A list of networks.
///
///     Networks proxies;
///     if (auto added = proxies.add("10.0.0.0/8"); !added) return Failure(added.error());
///     if (proxies.contain(stream.socket().peer_address())) …
class Networks {
 public:
  /// Adds `10.0.0.0/8`, `2001:db8::/32`, a single address such as `192.0.2.1` or `::1`, or `unix`
  /// for every unix socket.
  ///
  /// Errors    invalid_argument: not one of these, or an address with bits behind the prefix, which
  ///           is probably a mistake.
  [[nodiscard]] Result<void> add(std::string_view network);

  /// Whether one of the networks has this address. An IPv4 address that is mapped into IPv6, as a
  /// dual-stack socket reports it, is the IPv4 address. Ports and scopes do not matter.
  ///
  /// Cost      A comparison for each network.
  [[nodiscard]] bool contain(const Address& address) const;

 private:
  struct Network {
    Family family;
    unsigned prefix_bits;
    std::array<std::byte, 16> ip;
  };

  std::vector<Network> networks_;
};

}  // namespace reactor
#pragma GCC visibility pop
