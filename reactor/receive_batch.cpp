#include "reactor/receive_batch.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <chrono>
#include <cstring>
#include <ctime>

#include "reactor/platform/sys.hpp"

namespace reactor {
namespace {

template <class T>
T value_of(const cmsghdr& control) {
  T value;
  std::memcpy(&value, CMSG_DATA(&control), sizeof value);
  return value;
}

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

std::size_t ReceiveBatch::most_bytes() {
  constexpr std::size_t most_datagrams = max_messages * 64;  // UDP_MAX_SEGMENTS of older kernels.
  return sizeof(ReceiveBatch) + max_messages * stride + most_datagrams * sizeof(Datagram);
}

ReceiveBatch::ReceiveBatch()
    : memory_(std::make_unique_for_overwrite<std::byte[]>(max_messages * stride)) {
  for (unsigned i = 0; i < max_messages; ++i) {
    parts_[i] = {memory_.get() + i * stride, stride};
    msghdr& message = messages_[i].msg_hdr;
    message.msg_name = senders_[i].data();
    message.msg_iov = &parts_[i];
    message.msg_iovlen = 1;
    message.msg_control = &controls_[i];
    make_ready(i);
  }
}

int ReceiveBatch::receive(int fd) { return sys::recvmmsg(fd, messages_.data(), max_messages, 0); }

ReceiveBatch::Received ReceiveBatch::datagrams(int count, const Address* arrived_at) {
  datagrams_.clear();
  std::size_t truncated = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    const msghdr& message = messages_[i].msg_hdr;
    std::span<const std::byte> bytes(memory_.get() + i * stride, messages_[i].msg_len);
    if (senders_[i].size() != message.msg_namelen) senders_[i].resize(message.msg_namelen);
    const PacketInfo* packet_info = nullptr;
    std::size_t segment = 0;
    if (message.msg_controllen > 0 || arrived_at) {
      if (arrived_at) packet_infos_[i] = {};
      segment = read_control(i, packet_infos_[i]);
      if (arrived_at) {
        packet_infos_[i].destination.set_port(arrived_at->port());
        packet_info = &packet_infos_[i];
      }
    }
    const bool is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
    truncated += is_truncated ? 1 : 0;
    for (; segment > 0 && bytes.size() > segment; bytes = bytes.subspan(segment)) {
      datagrams_.push_back({bytes.first(segment), senders_[i], packet_info, false});
    }
    datagrams_.push_back({bytes, senders_[i], packet_info, is_truncated});
    make_ready(i);
  }
  return {datagrams_, truncated};
}

// The length of each of the datagrams that the kernel has coalesced; 0 where it is but one.
std::size_t ReceiveBatch::read_control(unsigned message, PacketInfo& packet_info) {
  std::size_t segment = 0;
  msghdr& header = messages_[message].msg_hdr;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
      segment = static_cast<std::size_t>(value_of<int>(*control));
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
      const auto time = value_of<timespec>(*control);
      packet_info.time = std::chrono::sys_time<std::chrono::nanoseconds>(
          std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      const auto info = value_of<in_pktinfo>(*control);
      packet_info.destination = ipv4_address(info.ipi_addr);
      packet_info.local = ipv4_address(info.ipi_spec_dst);
      packet_info.interface_index = static_cast<unsigned>(info.ipi_ifindex);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      const auto info = value_of<in6_pktinfo>(*control);
      packet_info.interface_index = info.ipi6_ifindex;
      packet_info.destination = ipv6_address(info.ipi6_addr, info.ipi6_ifindex);
      // Nothing is sent from the address of a group.
      packet_info.local = packet_info.destination.is_multicast() ? ipv6_address(in6addr_any, 0)
                                                                 : packet_info.destination;
    }
  }
  return segment;
}

}  // namespace reactor
