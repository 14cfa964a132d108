#include "samples/support/network.hpp"

namespace samples {

std::string network_of(const reactor::Address& peer) {
  if (peer.family() == reactor::Family::unix_socket) return "unix";
  const reactor::Address network = peer.network();
  return network.family() == reactor::Family::ipv6 ? network.host() + "/64" : network.host();
}

}  // namespace samples
