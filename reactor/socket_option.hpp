// What can be set on a socket, by name and type: the arguments of Socket::set and Socket::get.
#pragma once

#include <chrono>
#include <optional>

#include "reactor/version.hpp"

namespace reactor {

/// One option whose value is a T: bool, int, seconds, milliseconds or Linger. Where the kernel
/// counts an option apart for IPv4 and IPv6, both are named, and a Socket takes its own. Setting an
/// option that the system does not have fails with no_protocol_option.
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
extern const SocketOption<bool> reuse_address;
/// Several sockets of one user share a port; the kernel spreads connections or senders over them.
extern const SocketOption<bool> reuse_port;
/// In bytes. Linux reports twice what was set, having added its own overhead, and caps it at
/// net.core.wmem_max and rmem_max.
extern const SocketOption<int> send_buffer;
extern const SocketOption<int> receive_buffer;
/// Only an IPv6 socket on [::] without it also takes IPv4 peers.
extern const SocketOption<bool> ipv6_only;
/// Hops that a packet to one receiver may take, 1 to 255.
extern const SocketOption<int> ttl;

// Streams.

/// Small writes leave at once rather than wait for an acknowledgement (Nagle's algorithm off).
extern const SocketOption<bool> no_delay;
/// Whether the socket listens. To be read only.
extern const SocketOption<bool> accepting;
extern const SocketOption<Linger> linger;
/// Asks a silent peer whether it is still there: first after `idle`, then every `interval`; the
/// connection fails after `count` questions without answer.
extern const SocketOption<bool> keep_alive;
extern const SocketOption<seconds> keep_alive_idle;
extern const SocketOption<seconds> keep_alive_interval;
extern const SocketOption<int> keep_alive_count;
/// The kernel takes no more to send while it has this many bytes that the peer has no room for yet,
/// however large the send buffer has grown: what a peer that does not read can hold of its memory.
extern const SocketOption<int> unsent_low_water;
/// How long sent data may stay unacknowledged before the connection fails. Linux.
extern const SocketOption<milliseconds> user_timeout;

// Datagrams.

/// Without it, sending to a broadcast address fails with EACCES.
extern const SocketOption<bool> broadcast;
/// Hops that a multicast packet may take: 1, the default, stays on the link; 0 on the host.
extern const SocketOption<int> multicast_ttl;
/// Whether members of the group on this host hear it too; on by default.
extern const SocketOption<bool> multicast_loopback;
/// Tells with each datagram the address and interface it was sent to.
extern const SocketOption<bool> packet_info;
/// Keeps the ICMP errors of single datagrams, to be read with MSG_ERRQUEUE. Linux.
extern const SocketOption<bool> error_queue;
/// Tells with each datagram when the kernel received it, in nanoseconds.
extern const SocketOption<bool> receive_timestamps;
/// Lets the kernel hand over several equal datagrams of one sender glued together. Linux.
extern const SocketOption<bool> udp_gro;

}  // namespace option
}  // namespace reactor
