#include "reactor/bind_each.hpp"

#include <cstdint>
#include <system_error>
#include <utility>

namespace reactor::inline v0 {
namespace {

// A port that the kernel chose for one address may be in use on another. The kernel is then
// requested to choose another one, at most this often.
constexpr int most_tries = 20;

// This host does not support the family, or has no interface with this address.
bool is_not_of_this_host(const Error& error) {
  return error.code == std::errc::address_not_available ||
         error.code == std::errc::address_family_not_supported;
}

Result<std::vector<Socket>> try_each(const std::vector<Address>& addresses, OpenBound& open) {
  std::vector<Socket> sockets;
  std::uint16_t port = 0;
  Error left_out;
  for (Address address : addresses) {
    if (address.port() == 0) address.set_port(port);
    auto socket = open(address, addresses.size() == 1);
    if (!socket && is_not_of_this_host(socket.error())) {
      if (!left_out) left_out = socket.error();
      continue;
    }
    if (!socket) return Failure(socket.error());
    const auto local = socket->local_address();
    if (!local) return Failure(local.error());
    port = local->port();
    sockets.push_back(std::move(*socket));
  }
  if (sockets.empty()) return Failure(left_out);
  return sockets;
}

}  // namespace

Result<std::vector<Socket>> bind_each(const std::vector<Address>& addresses, OpenBound open) {
  const bool any_port = addresses.size() > 1 && addresses.front().port() == 0;
  auto sockets = try_each(addresses, open);
  for (int tries = 1; any_port && tries < most_tries; ++tries) {
    if (sockets || sockets.error().code != std::errc::address_in_use) break;
    sockets = try_each(addresses, open);
  }
  return sockets;
}

}  // namespace reactor
