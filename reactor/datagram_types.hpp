// What a DatagramSocket receives and counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reactor/address.hpp"

namespace reactor {

/// How a datagram came, as far as DatagramOptions asked.
struct PacketInfo {
  Address destination;           ///< To whom it was sent: an address of this host, or of a group.
  Address local;                 ///< The address of this host that an answer should come from.
  unsigned interface_index = 0;  ///< Where it came in.
  std::chrono::sys_time<std::chrono::nanoseconds> time{};  ///< When the kernel received it.
};

/// One message as it was received. It and all that it refers to are valid until the callback
/// returns.
struct Datagram {
  std::span<const std::byte> bytes;         ///< May be empty: that is a message too.
  const Address& sender;                    ///< Unnamed where a unix socket without a path sent it.
  const PacketInfo* packet_info = nullptr;  ///< Null unless asked for.
  bool truncated = false;                   ///< It was longer; the rest is lost. Never so with UDP.

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

/// What to do with one datagram more than may wait: send() returns `refused` and the caller keeps
/// it, or one is dropped and counted.
enum class WhenFull : unsigned char { refuse, drop_newest, drop_oldest };

/// Each counts datagrams.
struct DatagramCounters {
  std::uint64_t received = 0;
  std::uint64_t truncated = 0;  ///< Of those received.
  std::uint64_t sent = 0;       ///< Taken by the kernel.
  std::uint64_t dropped = 0;    ///< Not sent for want of room in the queue, also after `sent`.
  std::uint64_t failed = 0;     ///< Refused by the kernel; on_error told why.

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
