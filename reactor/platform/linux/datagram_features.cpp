#include "reactor/platform/datagram_features.hpp"

#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0::platform {

bool is_udp(int fd) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_UDP;
}

std::uint64_t dropped_by_kernel(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size);
  return memory[SK_MEMINFO_DROPS];
}

std::size_t read_control(msghdr& message, PacketInfo& packet_info) {
  std::size_t segment = 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
      segment = static_cast<std::size_t>(value_of<int>(*control));
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
      const auto time = value_of<timespec>(*control);
      packet_info.time = std::chrono::sys_time<std::chrono::nanoseconds>(
          std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    } else {
      read_packet_info(*control, packet_info);
    }
  }
  return segment;
}

void append_segment(msghdr& message, std::size_t bytes) {
  append_control(message, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(bytes));
}

void append_refusal(msghdr& message, int family) {
  sock_extended_err refusal{};
  refusal.ee_errno = ECONNREFUSED;
  refusal.ee_origin = family == AF_INET ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
  const bool ipv4 = family == AF_INET;
  append_control(message, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_RECVERR : IPV6_RECVERR,
                 refusal);
}

}  // namespace reactor::platform
