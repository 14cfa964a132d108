// What a DatagramSocket receives and counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reactor/address.hpp"

namespace reactor::inline v0 {

/// How a datagram arrived, as far as DatagramOptions request it.
struct PacketInfo {
  Address destination;           ///< The receiver: an address of this host, or of a group.
  Address local;                 ///< The address of this host from which to reply.
  unsigned interface_index = 0;  ///< The interface on which it arrived.
  std::chrono::sys_time<std::chrono::nanoseconds> time{};  ///< When the kernel received it.
};

/// One message as it was received. It and all that it refers to are valid until the callback
/// returns.
struct Datagram {
  std::span<const std::byte> bytes;         ///< May be empty: an empty message is valid.
  const Address& sender;                    ///< Unnamed where a unix socket without a path sent it.
  const PacketInfo* packet_info = nullptr;  ///< Null unless requested.
  bool truncated = false;                   ///< Its end is lost. Never true for UDP.

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

/// What to do when the queue is full: send() returns `refused` and the caller keeps the datagram,
/// or one datagram is dropped and counted.
enum class WhenFull : unsigned char { refuse, drop_newest, drop_oldest };

/// Each counts datagrams.
struct DatagramCounters {
  std::uint64_t received = 0;
  std::uint64_t truncated = 0;  ///< Of those received.
  std::uint64_t sent = 0;       ///< Taken by the kernel.
  std::uint64_t dropped = 0;    ///< Not sent because the queue was full, also after `sent`.
  std::uint64_t failed = 0;     ///< Refused by the kernel; on_error reports why.

  DatagramCounters& operator+=(const DatagramCounters& other) {
    received += other.received;
    truncated += other.truncated;
    sent += other.sent;
    dropped += other.dropped;
    failed += other.failed;
    return *this;
  }
};

}  // namespace reactor
