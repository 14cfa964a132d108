// The options of a socket, by name and type: the arguments of Socket::set and Socket::get.
#pragma once

#include <chrono>
#include <optional>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// One option whose value is a T: bool, int, seconds, milliseconds or Linger. If the kernel has
/// different numbers for IPv4 and IPv6, both are here, and a Socket uses those of its family.
/// Setting an option that the system does not have fails with no_protocol_option.
template <class T>
struct SocketOption {
  const char* name;  ///< For error texts.
  int level;
  int number;
  int ipv6_level = level;
  int ipv6_number = number;
};

/// How long close() waits for unsent data. Empty: close() does not wait, and the kernel continues
/// to send. Zero: close() drops the data and sends RST.
using Linger = std::optional<std::chrono::seconds>;

namespace option {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Any socket.

/// Allows binding while connections of an earlier server are in TIME_WAIT. Several datagram sockets
/// may then share a port, and each receives what is broadcast or multicast to it.
extern const SocketOption<bool> reuse_address;
/// Several sockets of one user share a port; the kernel divides connections or senders.
extern const SocketOption<bool> reuse_port;
/// In bytes. Linux reports twice the value that was set, because it adds its own overhead, and
/// limits it to net.core.wmem_max and rmem_max.
extern const SocketOption<int> send_buffer;
extern const SocketOption<int> receive_buffer;
/// An IPv6 socket on [::] also takes IPv4 peers, unless this is set.
extern const SocketOption<bool> ipv6_only;
/// Hops that a packet to one receiver may take, 1 to 255.
extern const SocketOption<int> ttl;

// Streams.

/// Small writes leave immediately, without waiting for an acknowledgement (Nagle's algorithm off).
extern const SocketOption<bool> no_delay;
/// Whether the socket listens. Read-only.
extern const SocketOption<bool> accepting;
extern const SocketOption<Linger> linger;
/// Probes a silent peer: first after `idle`, then every `interval`. The connection fails after
/// `count` probes without a response.
extern const SocketOption<bool> keep_alive;
extern const SocketOption<seconds> keep_alive_idle;
extern const SocketOption<seconds> keep_alive_interval;
extern const SocketOption<int> keep_alive_count;
/// The kernel takes no more to send while it has this many bytes for which the peer has no room,
/// however large the send buffer is. This limits the kernel memory for a peer that does not read.
extern const SocketOption<int> unsent_low_water;
/// How long sent data may stay unacknowledged before the connection fails. Linux.
extern const SocketOption<milliseconds> user_timeout;

// Datagrams.

/// Without it, sending to a broadcast address fails with EACCES.
extern const SocketOption<bool> broadcast;
/// Hops that a multicast packet may take. With 1, the default, it stays on the link; with 0, on the
/// host.
extern const SocketOption<int> multicast_ttl;
/// Whether members of the group on this host receive it too; on by default.
extern const SocketOption<bool> multicast_loopback;
/// Reports with each datagram the address and interface it was sent to.
extern const SocketOption<bool> packet_info;
/// Keeps the ICMP errors of single datagrams, to be read with MSG_ERRQUEUE. Linux.
extern const SocketOption<bool> error_queue;
/// Reports with each datagram when the kernel received it, in nanoseconds.
extern const SocketOption<bool> receive_timestamps;
/// The kernel may join several datagrams of equal size from one sender into one. Linux.
extern const SocketOption<bool> udp_gro;

}  // namespace option
}  // namespace reactor
#pragma GCC visibility pop
