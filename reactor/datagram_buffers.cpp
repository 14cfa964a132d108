#include "reactor/datagram_buffers.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
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

std::size_t DatagramBuffers::most_bytes() {
  constexpr std::size_t most_datagrams = batch * 64;  // UDP_MAX_SEGMENTS of older kernels.
  return sizeof(DatagramBuffers) + batch * stride + max_copied_bytes +
         most_datagrams * sizeof(Datagram);
}

DatagramBuffers::DatagramBuffers()
    : memory_(std::make_unique_for_overwrite<std::byte[]>(batch * stride)),
      copied_(std::make_unique_for_overwrite<std::byte[]>(max_copied_bytes)) {
  for (unsigned i = 0; i < batch; ++i) {
    received_parts_[i] = {memory_.get() + i * stride, stride};
    msghdr& message = received_[i].msg_hdr;
    message.msg_name = senders_[i].data();
    message.msg_iov = &received_parts_[i];
    message.msg_iovlen = 1;
    message.msg_control = &received_controls_[i];
    make_ready(i);
  }
}

int DatagramBuffers::receive(int fd) { return sys::recvmmsg(fd, received_.data(), batch, 0); }

DatagramBuffers::Received DatagramBuffers::datagrams(int count, const Address* arrived_at) {
  datagrams_.clear();
  std::size_t truncated = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    const msghdr& message = received_[i].msg_hdr;
    Bytes bytes(memory_.get() + i * stride, received_[i].msg_len);
    if (senders_[i].size() != message.msg_namelen) senders_[i].resize(message.msg_namelen);
    const Arrival* arrival = nullptr;
    std::size_t segment = 0;
    if (message.msg_controllen > 0 || arrived_at) {
      if (arrived_at) arrivals_[i] = {};
      segment = read_control(i, arrivals_[i]);
      if (arrived_at) {
        arrivals_[i].destination.set_port(arrived_at->port());
        arrival = &arrivals_[i];
      }
    }
    const bool is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
    truncated += is_truncated ? 1 : 0;
    for (; segment > 0 && bytes.size() > segment; bytes = bytes.subspan(segment)) {
      datagrams_.push_back({bytes.first(segment), senders_[i], arrival, false});
    }
    datagrams_.push_back({bytes, senders_[i], arrival, is_truncated});
    make_ready(i);
  }
  return {datagrams_, truncated};
}

// The length of each of the datagrams that the kernel has coalesced; 0 where it is but one.
std::size_t DatagramBuffers::read_control(unsigned message, Arrival& arrival) {
  std::size_t segment = 0;
  msghdr& header = received_[message].msg_hdr;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
      segment = static_cast<std::size_t>(value_of<int>(*control));
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
      const auto time = value_of<timespec>(*control);
      arrival.time = std::chrono::sys_time<std::chrono::nanoseconds>(
          std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      const auto info = value_of<in_pktinfo>(*control);
      arrival.destination = ipv4_address(info.ipi_addr);
      arrival.local = ipv4_address(info.ipi_spec_dst);
      arrival.interface_index = static_cast<unsigned>(info.ipi_ifindex);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      const auto info = value_of<in6_pktinfo>(*control);
      arrival.interface_index = info.ipi6_ifindex;
      arrival.destination = ipv6_address(info.ipi6_addr, info.ipi6_ifindex);
      // Nothing is sent from the address of a group.
      arrival.local =
          arrival.destination.is_multicast() ? ipv6_address(in6addr_any, 0) : arrival.destination;
    }
  }
  return segment;
}

std::byte* DatagramBuffers::copy(const void* data, std::size_t size) {
  std::byte* const to = copied_.get() + copied_bytes_;
  if (size > 0) std::memcpy(to, data, size);
  // Addresses are read in place by the kernel alone, but kept aligned all the same.
  copied_bytes_ += (size + 7) / 8 * 8;
  return to;
}

bool DatagramBuffers::add_copy(const Address* to, const Arrival* from, Bytes bytes) {
  const bool keep_bytes = holds(bytes.data());
  const bool has_source = from && from->local.family() != Family::unix_socket;
  const std::size_t to_copy = (to ? Address::capacity() : 0) +
                              (has_source ? Address::capacity() : 0) +
                              (keep_bytes ? 0 : bytes.size()) + 24;
  if (outgoing_count_ == max_outgoing || to_copy > max_copied_bytes - copied_bytes_) return false;

  // Bursts go from one address to one: each is copied once.
  const Outgoing* const last = outgoing_count_ > 0 ? &outgoing_[outgoing_count_ - 1] : nullptr;
  Outgoing& added = outgoing_[outgoing_count_++];
  added.to = nullptr;
  added.to_size = to ? to->size() : 0;
  if (to && holds(to)) {
    added.to = to->data();
  } else if (to) {
    const bool same = last && last->to && last->to_size == to->size() &&
                      std::memcmp(last->to, to->data(), to->size()) == 0;
    added.to = same ? last->to : copy(to->data(), to->size());
  }
  added.from = nullptr;
  if (has_source && is_arrival(from)) {
    added.from = from->local.data();
  } else if (has_source) {
    const sockaddr* const local = from->local.data();
    const bool same = last && last->from && last->from->sa_family == local->sa_family &&
                      std::memcmp(last->from, local, size_of(*local)) == 0;
    added.from = same ? last->from : copy(local, size_of(*local));
  }
  added.bytes = keep_bytes ? bytes : Bytes(copy(bytes.data(), bytes.size()), bytes.size());
  return true;
}

}  // namespace reactor
