// What a DatagramSocket receives, returns and counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reactor/address.hpp"

namespace reactor {

/// How a datagram came, as far as DatagramOptions asked.
struct Arrival {
  Address destination;           ///< To whom it was sent: an address of this host, or of a group.
  Address local;                 ///< The address of this host that an answer should come from.
  unsigned interface_index = 0;  ///< Where it came in.
  std::chrono::sys_time<std::chrono::nanoseconds> time{};  ///< When the kernel received it.
};

/// One message as it was received. It and all that it refers to are valid until the callback
/// returns.
struct Datagram {
  std::span<const std::byte> bytes;  ///< May be empty: that is a message too.
  const Address& sender;             ///< Unnamed where a unix socket without a path sent it.
  const Arrival* arrival = nullptr;  ///< Null unless asked for.
  bool truncated = false;            ///< It was longer; the rest is lost. Never so with UDP.

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

/// What became of a datagram given to DatagramSocket::send.
enum class Sent : unsigned char {
  sent,     ///< The kernel has it, or gets it when the callback that is running returns. What is
            ///< neither taken nor queued then is counted: see DatagramCounters.
  queued,   ///< It waits until the kernel has room.
  full,     ///< Not taken, nor counted: send it again after on_drained.
  dropped,  ///< Not taken, and counted: the queue was full, or the kernel refused.
};

/// What to do with one datagram more than may wait.
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
