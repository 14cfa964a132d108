// What can be set on a socket, by name and type: the arguments of Socket::set and Socket::get.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>

namespace reactor {

/// One option whose value is a T: bool, int, seconds, milliseconds or Linger. Where the kernel
/// counts an option apart for IPv4 and IPv6, both are named, and a Socket takes its own.
template <class T>
struct SocketOption {
  const char* name;  ///< For error texts.
  int level;
  int number;
  int ipv6_level = level;
  int ipv6_number = number;
};

/// How long close() waits for unsent data; nothing: not at all, the kernel sends on by itself;
/// zero: drops it and sends RST.
using Linger = std::optional<std::chrono::seconds>;

namespace option {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Any socket.

/// Binds though connections of an earlier server linger in TIME_WAIT; several datagram sockets
/// may then share a port, and each receives what is broadcast or multicast to it.
inline constexpr SocketOption<bool> reuse_address{"reuse_address", SOL_SOCKET, SO_REUSEADDR};
/// Several sockets of one user share a port; the kernel spreads connections or senders over them.
inline constexpr SocketOption<bool> reuse_port{"reuse_port", SOL_SOCKET, SO_REUSEPORT};
/// In bytes. Linux reports twice what was set, having added its own overhead, and caps it at
/// net.core.wmem_max and rmem_max.
inline constexpr SocketOption<int> send_buffer{"send_buffer", SOL_SOCKET, SO_SNDBUF};
inline constexpr SocketOption<int> receive_buffer{"receive_buffer", SOL_SOCKET, SO_RCVBUF};
/// Only an IPv6 socket on [::] without it also takes IPv4 peers.
inline constexpr SocketOption<bool> ipv6_only{"ipv6_only", IPPROTO_IPV6, IPV6_V6ONLY};
/// Hops that a packet to one receiver may take, 1 to 255.
inline constexpr SocketOption<int> ttl{"ttl", IPPROTO_IP, IP_TTL, IPPROTO_IPV6, IPV6_UNICAST_HOPS};

// Streams.

/// Small writes leave at once rather than wait for an acknowledgement (Nagle's algorithm off).
inline constexpr SocketOption<bool> no_delay{"no_delay", IPPROTO_TCP, TCP_NODELAY};
/// Whether the socket listens. To be read only.
inline constexpr SocketOption<bool> accepting{"accepting", SOL_SOCKET, SO_ACCEPTCONN};
inline constexpr SocketOption<Linger> linger{"linger", SOL_SOCKET, SO_LINGER};
/// Asks a silent peer whether it is still there: first after `idle`, then every `interval`; the
/// connection fails after `count` questions without answer.
inline constexpr SocketOption<bool> keep_alive{"keep_alive", SOL_SOCKET, SO_KEEPALIVE};
inline constexpr SocketOption<seconds> keep_alive_idle{"keep_alive_idle", IPPROTO_TCP,
                                                       TCP_KEEPIDLE};
inline constexpr SocketOption<seconds> keep_alive_interval{"keep_alive_interval", IPPROTO_TCP,
                                                           TCP_KEEPINTVL};
inline constexpr SocketOption<int> keep_alive_count{"keep_alive_count", IPPROTO_TCP, TCP_KEEPCNT};
/// The kernel takes no more to send while it has this many bytes that the peer has no room for yet,
/// however large the send buffer has grown: what a peer that does not read can hold of its memory.
inline constexpr SocketOption<int> unsent_low_water{"unsent_low_water", IPPROTO_TCP,
                                                    TCP_NOTSENT_LOWAT};
/// How long sent data may stay unacknowledged before the connection fails.
inline constexpr SocketOption<milliseconds> user_timeout{"user_timeout", IPPROTO_TCP,
                                                         TCP_USER_TIMEOUT};

// Datagrams.

/// Without it, sending to a broadcast address fails with EACCES.
inline constexpr SocketOption<bool> broadcast{"broadcast", SOL_SOCKET, SO_BROADCAST};
/// Hops that a multicast packet may take: 1, the default, stays on the link; 0 on the host.
inline constexpr SocketOption<int> multicast_ttl{"multicast_ttl", IPPROTO_IP, IP_MULTICAST_TTL,
                                                 IPPROTO_IPV6, IPV6_MULTICAST_HOPS};
/// Whether members of the group on this host hear it too; on by default.
inline constexpr SocketOption<bool> multicast_loopback{
    "multicast_loopback", IPPROTO_IP, IP_MULTICAST_LOOP, IPPROTO_IPV6, IPV6_MULTICAST_LOOP};
/// Tells with each datagram the address and interface it was sent to.
inline constexpr SocketOption<bool> packet_info{"packet_info", IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6,
                                                IPV6_RECVPKTINFO};
/// Keeps what peers and routers answer to single datagrams (ICMP), to be read with MSG_ERRQUEUE.
inline constexpr SocketOption<bool> error_queue{"error_queue", IPPROTO_IP, IP_RECVERR, IPPROTO_IPV6,
                                                IPV6_RECVERR};
/// Tells with each datagram when the kernel received it, in nanoseconds.
inline constexpr SocketOption<bool> receive_timestamps{"receive_timestamps", SOL_SOCKET,
                                                       SO_TIMESTAMPNS};
/// Lets the kernel hand over several equal datagrams of one sender glued together.
inline constexpr SocketOption<bool> udp_gro{"udp_gro", SOL_UDP, UDP_GRO};

}  // namespace option
}  // namespace reactor
