#include "samples/support/network.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace samples {

std::string network_of(const reactor::Address& peer) {
  if (peer.family() == reactor::Family::unix_socket) return "unix";
  if (peer.family() != reactor::Family::ipv6) return peer.host();
  const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(peer.data())->sin6_addr;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    return text.data();
  }
  in6_addr network{};
  std::copy_n(address.s6_addr, 8, network.s6_addr);
  inet_ntop(AF_INET6, &network, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

}  // namespace samples
