#include "reactor/platform/datagram_features.hpp"

namespace reactor::inline v0::platform {
namespace {

Address ipv4_address(in_addr host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr = host;
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Address ipv6_address(const in6_addr& host, unsigned interface_index) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = host;
  if (IN6_IS_ADDR_LINKLOCAL(&host) || IN6_IS_ADDR_MC_LINKLOCAL(&host)) {
    address.sin6_scope_id = interface_index;
  }
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

void read_packet_info(const cmsghdr& control, PacketInfo& packet_info) {
#ifdef IP_PKTINFO
  if (control.cmsg_level == IPPROTO_IP && control.cmsg_type == IP_PKTINFO) {
    const auto info = value_of<in_pktinfo>(control);
    packet_info.destination = ipv4_address(info.ipi_addr);
    packet_info.local = ipv4_address(info.ipi_spec_dst);
    packet_info.interface_index = static_cast<unsigned>(info.ipi_ifindex);
  }
#endif
  if (control.cmsg_level == IPPROTO_IPV6 && control.cmsg_type == IPV6_PKTINFO) {
    const auto info = value_of<in6_pktinfo>(control);
    packet_info.interface_index = info.ipi6_ifindex;
    packet_info.destination = ipv6_address(info.ipi6_addr, info.ipi6_ifindex);
    // A group's address cannot be the source of a datagram.
    packet_info.local = packet_info.destination.is_multicast() ? ipv6_address(in6addr_any, 0)
                                                               : packet_info.destination;
  }
}

void append_source(msghdr& message, const sockaddr& from) {
  if (from.sa_family == AF_INET6) {
    const auto& local = reinterpret_cast<const sockaddr_in6&>(from);
    const in6_pktinfo info{.ipi6_addr = local.sin6_addr, .ipi6_ifindex = local.sin6_scope_id};
    if (IN6_IS_ADDR_UNSPECIFIED(&info.ipi6_addr)) return;
    append_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
    return;
  }
#ifdef IP_PKTINFO
  in_pktinfo info{};
  info.ipi_spec_dst = reinterpret_cast<const sockaddr_in&>(from).sin_addr;
  if (info.ipi_spec_dst.s_addr != 0) append_control(message, IPPROTO_IP, IP_PKTINFO, info);
#endif
}

}  // namespace reactor::platform
