#include "reactor/simulation/udp.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "reactor/platform/datagram_features.hpp"
#include "reactor/socket_option.hpp"

namespace reactor::inline v0::simulation {
namespace {

constexpr std::size_t most_bytes = 65'507;
constexpr std::size_t for_each_datagram = 512;  // What a kernel counts beside the bytes.

Ip ip_of(const in_addr& address) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr = address;
  return endpoint_of(reinterpret_cast<const sockaddr*>(&ipv4), sizeof ipv4)->ip;
}

// What the control data of a message to send requests.
struct Requested {
  Ip source{};
  std::size_t segment = 0;
};

Requested read_control(const msghdr& message) {
  Requested requested;
  auto& header = const_cast<msghdr&>(message);
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control;
       control = CMSG_NXTHDR(&header, control)) {
#ifdef IP_PKTINFO
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      requested.source = ip_of(platform::value_of<in_pktinfo>(*control).ipi_spec_dst);
    }
#endif
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      const auto info = platform::value_of<in6_pktinfo>(*control);
      std::memcpy(requested.source.bytes.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
    }
#ifdef UDP_SEGMENT
    if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_SEGMENT) {
      requested.segment = platform::value_of<std::uint16_t>(*control);
    }
#endif
  }
  return requested;
}

void append_destination(msghdr& message, const Ip& to, int family) {
#ifdef IP_PKTINFO
  if (family == AF_INET) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_addr, &to.bytes[12], sizeof info.ipi_addr);
    info.ipi_spec_dst = info.ipi_addr;
    info.ipi_ifindex = 1;
    platform::append_control(message, IPPROTO_IP, IP_PKTINFO, info);
  }
#endif
  if (family == AF_INET6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, to.bytes.data(), to.bytes.size());
    info.ipi6_ifindex = 1;
    platform::append_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

}  // namespace

unsigned DatagramSocketState::ready() {
  unsigned happened = Happened::writable;
  if (!queue_.empty()) happened |= Happened::readable;
  if (error != 0 || !refused_.empty()) happened |= Happened::failed;
  return happened;
}

void DatagramSocketState::close() {
  release_port();
  queue_.clear();
  refused_.clear();
}

int DatagramSocketState::connect(const Endpoint& to) {
  if (const int failed = bind_to_any_port()) return failed;
  if (local.ip.is_any() && host) local.ip = to.ip.is_loopback() ? to.ip : host->ip;
  peer_address = to;
  has_peer_ = true;
  return 0;
}

ssize_t DatagramSocketState::send(const msghdr& message) {
  if (error != 0) return -take_error();
  Endpoint to = peer_address;
  if (message.msg_name) {
    const auto named =
        endpoint_of(static_cast<const sockaddr*>(message.msg_name), message.msg_namelen);
    if (!named) return -EAFNOSUPPORT;
    to = *named;
  } else if (!has_peer_) {
    return -EDESTADDRREQ;
  }
  if (!host) return -ENETUNREACH;
  if (to.port == 0) return -EINVAL;
  if (const int failed = bind_to_any_port()) return failed;
  std::string bytes;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    bytes.append(static_cast<const char*>(message.msg_iov[i].iov_base), message.msg_iov[i].iov_len);
  }
  const Requested requested = read_control(message);
  Endpoint from = local;
  if (!requested.source.is_any()) from.ip = requested.source;
  if (from.ip.is_any()) from.ip = to.ip.is_loopback() ? to.ip : host->ip;
  const std::size_t each = requested.segment > 0 ? requested.segment : most_bytes;
  if (requested.segment == 0 && bytes.size() > most_bytes) return -EMSGSIZE;
  std::size_t sent = 0;
  do {
    const std::string part = bytes.substr(sent, each);
    if (const int failed = send_one(from, to, part)) return failed;
    sent += part.size();
  } while (sent < bytes.size());
  return static_cast<ssize_t>(bytes.size());
}

int DatagramSocketState::send_one(const Endpoint& from, const Endpoint& to,
                                  const std::string& bytes) {
  const bool to_all = to.ip.is_broadcast();
  if (to_all && int_option(SOL_SOCKET, SO_BROADCAST) == 0) return -EACCES;
  const bool to_group = to.ip.is_multicast();
  if (to_all || to_group) {
    const bool stays = to_group && int_option_or(option::multicast_ttl, 1) == 0;
    const bool loops = to_all || int_option_or(option::multicast_loopback, 1) != 0;
    for (const auto& each : world().computers) {
      const bool is_reached = each.get() == host ? loops : !stays;
      if (is_reached) send_to(*each, from, to, bytes);
    }
    return 0;
  }
  Computer* const target = world().computer(to.ip, host);
  if (target) {
    send_to(*target, from, to, bytes);
  } else {
    world().trace.packet({Packet::Kind::datagram, from, to, 0, 0, bytes.size()}, "no such host");
  }
  return 0;
}

void DatagramSocketState::send_to(Computer& to, const Endpoint& from, const Endpoint& where,
                                  const std::string& bytes) {
  Environment& in = world();
  const Ip way = where.ip.is_loopback() ? from.ip : to.ip;
  const Packet packet{Packet::Kind::datagram, from, where, 0, 0, bytes.size()};
  if (in.network.is_cut(from.ip, way)) return in.trace.packet(packet, "partition");
  const bool twice =
      from.ip != way && in.chance.happens(in.network.link(from.ip, way).duplicates, "duplicate");
  for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
    const auto delay = in.network.datagram_delay(from.ip, way, bytes.size());
    if (!delay) {
      in.trace.packet(packet, "by chance");
      continue;
    }
    in.events.after(*delay, [this, &to, from, where, bytes] {
      arrive_at(to, {bytes, from, where.ip, world().events.now()}, where);
    });
  }
}

// At a host; the sender learns it if no socket there has the port.
void DatagramSocketState::arrive_at(Computer& at, const Arrived& datagram, const Endpoint& to) {
  Environment& in = world();
  const Packet packet{Packet::Kind::datagram, datagram.from, to, 0, 0,
                      datagram.bytes.size(),  datagram.bytes};
  if (!at.is_up) return in.trace.packet(packet, "host is down");
  std::vector<DatagramSocketState*> takers;
  if (const auto same_port = at.udp.find(to.port); same_port != at.udp.end()) {
    for (Socket* const socket : same_port->second) {
      auto* const taker = static_cast<DatagramSocketState*>(socket);
      if (taker->takes(datagram.from, to)) takers.push_back(taker);
    }
  }
  in.trace.packet(packet);
  if (to.ip.is_multicast() || to.ip.is_broadcast()) {
    for (DatagramSocketState* const taker : takers) taker->arrive(datagram);
    return;
  }
  if (!takers.empty()) {
    // A socket with this peer has priority.
    const auto connected = std::find_if(takers.begin(), takers.end(),
                                        [](const auto* taker) { return taker->has_peer(); });
    auto* const taker =
        connected != takers.end()
            ? *connected
            : takers[(datagram.from.port + datagram.from.ip.bytes[15]) % takers.size()];
    return taker->arrive(datagram);
  }
  if (in.network.is_cut(to.ip, datagram.from.ip)) return;
  const auto delay = in.network.datagram_delay(to.ip, datagram.from.ip, 0);
  if (!delay) return;
  in.events.after(*delay, [this, from = datagram.from, to] {
    world().trace.packet({Packet::Kind::icmp, to, from});
    refused(to);
  });
}

bool DatagramSocketState::takes(const Endpoint& from, const Endpoint& to) const {
  if (local.port != to.port) return false;
  if (to.ip.is_ipv4() ? family() == AF_INET6 && int_option(IPPROTO_IPV6, IPV6_V6ONLY) != 0
                      : family() == AF_INET) {
    return false;
  }
  if (has_peer_ && from != peer_address) return false;
  if (to.ip.is_multicast()) return groups_.contains(to.ip);
  return local.ip.is_any() || local.ip == to.ip;
}

void DatagramSocketState::arrive(Arrived datagram) {
  const int set = int_option(SOL_SOCKET, SO_RCVBUF);
  const std::size_t most = set > 0 ? static_cast<std::size_t>(set) : 212'992;
  if (queued_bytes_ + datagram.bytes.size() + for_each_datagram > most) {
    ++dropped_;
    return;
  }
  queued_bytes_ += datagram.bytes.size() + for_each_datagram;
  queue_.push_back(std::move(datagram));
  wake(Happened::readable);
}

// As Linux: an error is reported to a socket with a peer, or with an error queue.
void DatagramSocketState::refused(const Endpoint& by) {
  if (!is_open) return;
  const bool has_queue = is_set(option::error_queue);
  if (has_queue) refused_.push_back(by);
  if (!has_queue && !has_peer_) return;
  error = ECONNREFUSED;
  wake(Happened::failed);
}

void DatagramSocketState::write(const Arrived& datagram, platform::Message& message) const {
  msghdr& header = message.header;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < header.msg_iovlen && copied < datagram.bytes.size(); ++i) {
    const iovec& part = header.msg_iov[i];
    const std::size_t size = std::min(part.iov_len, datagram.bytes.size() - copied);
    std::memcpy(part.iov_base, datagram.bytes.data() + copied, size);
    copied += size;
  }
  message.length = static_cast<unsigned>(copied);
  header.msg_flags = copied < datagram.bytes.size() ? MSG_TRUNC : 0;
  if (header.msg_name) {
    write_address(datagram.from, family(), static_cast<sockaddr*>(header.msg_name),
                  &header.msg_namelen);
  }
  const std::size_t room = header.msg_controllen;
  header.msg_controllen = 0;
  const bool wants_info = is_set(option::packet_info);
  if (wants_info && room >= CMSG_SPACE(sizeof(in6_pktinfo))) {
    append_destination(header, datagram.to, family());
  }
#ifdef SCM_TIMESTAMPNS
  const std::size_t left = room - header.msg_controllen;
  if (is_set(option::receive_timestamps) && left >= CMSG_SPACE(sizeof(timespec))) {
    const std::int64_t wall = host->wall_at(datagram.when);
    platform::append_control(header, SOL_SOCKET, SCM_TIMESTAMPNS,
                             timespec{wall / 1'000'000'000, wall % 1'000'000'000});
  }
#endif
}

int DatagramSocketState::receive(platform::Message* messages, unsigned count) {
  if (error != 0) return -take_error();
  unsigned received = 0;
  for (; received < count && !queue_.empty(); ++received) {
    write(queue_.front(), messages[received]);
    queued_bytes_ -= queue_.front().bytes.size() + for_each_datagram;
    queue_.pop_front();
  }
  return received > 0 ? static_cast<int>(received) : -EAGAIN;
}

int DatagramSocketState::receive_errors(platform::Message* messages, unsigned count) {
  unsigned received = 0;
  for (; received < count && !refused_.empty(); ++received) {
    msghdr& header = messages[received].header;
    messages[received].length = 0;
    if (header.msg_name) {
      write_address(refused_.front(), family(), static_cast<sockaddr*>(header.msg_name),
                    &header.msg_namelen);
    }
    header.msg_controllen = 0;
    platform::append_refusal(header, family());
    refused_.pop_front();
  }
  if (refused_.empty() && received > 0) error = 0;
  return received > 0 ? static_cast<int>(received) : -EAGAIN;
}

}  // namespace reactor::simulation
