#include "reactor/udp_server_options.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include "reactor/udp_peer.hpp"

namespace reactor::inline v0 {
namespace {

// The memory of a session beside the program's own: its entries in the list and in the table, its
// addresses, and the overhead of the allocator. Rounded up.
constexpr std::uint64_t session_bytes = 1024;
// The memory for its network, if networks are limited.
constexpr std::uint64_t network_bytes = 512;
static_assert(sizeof(UdpPeer) + sizeof(Address) + 128 <= session_bytes);

}  // namespace

std::uint64_t UdpServerOptions::most_bytes(std::uint64_t bytes_each) const {
  const std::uint64_t bookkeeping =
      session_bytes + (max_per_network < max_sessions ? network_bytes : 0);
  const std::uint64_t each = bookkeeping + std::min(bytes_each, UINT64_MAX / 2);
  const std::uint64_t sessions =
      max_sessions > UINT64_MAX / 4 / each ? UINT64_MAX / 4 : max_sessions * each;
  return socket.most_bytes() + sessions;
}

Result<void> UdpServerOptions::check(std::string_view endpoint) const {
  const auto refuse = [&](std::string why) -> Result<void> {
    Error error = system_error(EINVAL, "bind", std::string(endpoint));
    error.hint = std::move(why);
    return Failure(std::move(error));
  };
  if (max_sessions == 0) return refuse("max_sessions is 0: no peer could be served");
  if (max_per_network == 0) return refuse("max_per_network is 0: no peer could be served");
  if (idle_timeout.count() < 0) return refuse("idle_timeout is negative");
  return {};
}

}  // namespace reactor
