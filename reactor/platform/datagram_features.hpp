// Datagram features that only some kernels have. Internal.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "reactor/datagram_types.hpp"

namespace reactor::inline v0::platform {

/// True for a UDP socket, on kernels that report the protocol of a socket.
[[nodiscard]] bool is_udp(int fd);

/// How many datagrams the kernel has dropped because the receive buffer was full; 0 where it does
/// not report them.
[[nodiscard]] std::uint64_t dropped_by_kernel(int fd);

/// Reads the control data that the kernel reports with a message. Returns the length of each
/// datagram that it has joined by GRO; 0 for a single datagram.
std::size_t read_control(msghdr& message, PacketInfo& packet_info);

/// Makes a message leave from this address; for an unspecified one the route determines it.
void append_source(msghdr& message, const sockaddr& from);

/// Makes the kernel split a message into datagrams of this length.
void append_segment(msghdr& message, std::size_t bytes);

/// Writes what the error queue of a socket of this family reports for a datagram whose port is not
/// in use; nothing on kernels without error queues.
[[gnu::visibility("default")]] void append_refusal(msghdr& message, int family);

template <class T>
[[nodiscard]] T value_of(const cmsghdr& control) {
  T value;
  std::memcpy(&value, CMSG_DATA(&control), sizeof value);
  return value;
}

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

/// The part of read_control() that is the same everywhere.
void read_packet_info(const cmsghdr& control, PacketInfo& packet_info);

}  // namespace reactor::platform
