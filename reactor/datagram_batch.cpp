#include "reactor/datagram_batch.hpp"

#include <netinet/udp.h>

#include <cstring>

namespace reactor {
namespace {

template <class T>
void append_control(msghdr& message, int level, int type, const T& value) {
  auto* const control = reinterpret_cast<cmsghdr*>(static_cast<std::byte*>(message.msg_control) +
                                                   message.msg_controllen);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(control), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

}  // namespace

// An unspecified address leaves the choice to the route.
void DatagramBatch::append_source(msghdr& message, const sockaddr& from) {
  if (from.sa_family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = reinterpret_cast<const sockaddr_in&>(from).sin_addr;
    if (info.ipi_spec_dst.s_addr != 0) append_control(message, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    const auto& local = reinterpret_cast<const sockaddr_in6&>(from);
    const in6_pktinfo info{.ipi6_addr = local.sin6_addr, .ipi6_ifindex = local.sin6_scope_id};
    if (IN6_IS_ADDR_UNSPECIFIED(&info.ipi6_addr)) return;
    append_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void DatagramBatch::append_segment(msghdr& message, std::size_t bytes) {
  append_control(message, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(bytes));
}

}  // namespace reactor
