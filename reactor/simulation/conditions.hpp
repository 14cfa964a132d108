// The conditions in a simulated world: links between hosts, faults, sizes and times.
#pragma once

#include <cstddef>
#include <cstdint>

#include "reactor/duration.hpp"

namespace reactor::inline v0::simulation {

/// A span from which each value is drawn.
struct Range {
  Duration least;
  Duration most;
};

/// Where a TCP stream is cut into segments.
enum class Cut : unsigned char {
  full,      ///< Segments of 1,448 bytes, and what is left in one of its own.
  anywhere,  ///< Also after any single byte.
};

/// The way from one host to another.
struct Link {
  /// From the sending of a packet to its arrival. Datagrams overtake one another; TCP segments keep
  /// their order.
  Range latency{std::chrono::microseconds(100), std::chrono::microseconds(200)};
  /// The part of the packets that is lost, from 0 to 1. TCP repeats them, which takes time.
  double loss = 0;
  /// The part of the datagrams that arrives twice.
  double duplicates = 0;
  Cut cut = Cut::full;
  /// 0: not limited.
  std::uint64_t bytes_per_second = 0;
};

/// Which calls fail as they may with a real kernel, each as a part of all calls, from 0 to 1.
struct Faults {
  double short_counts = 0;    ///< Reads and writes of fewer bytes than possible.
  double again = 0;           ///< EAGAIN, although the socket is ready. It is reported again.
  double interrupted = 0;     ///< EINTR.
  double no_buffers = 0;      ///< ENOBUFS, for datagrams.
  double no_descriptors = 0;  ///< EMFILE of accept.
  double aborted = 0;         ///< ECONNABORTED of accept.
  double reset = 0;           ///< A read or write finds the connection reset.
  double spurious = 0;        ///< An iteration for which a socket is ready that is not.
  double pause = 0;           ///< An iteration of a loop after which its host stands still.
  Duration longest_pause = std::chrono::milliseconds(50);
};

/// The seed, the sizes and the times of a simulated world.
struct WorldOptions {
  std::uint64_t seed = 1;
  /// Keeps the bytes of all packets, for pcap().
  bool capture = false;
  std::size_t send_buffer_bytes = 64 * 1024;
  std::size_t receive_buffer_bytes = 64 * 1024;
  /// How many a host can have open.
  unsigned most_descriptors = 1024;
  /// How long an iteration of a loop takes.
  Range iteration{std::chrono::microseconds(2), std::chrono::microseconds(20)};
  /// How long a Work takes, and the lookup of a name.
  Range work{std::chrono::microseconds(50), std::chrono::milliseconds(2)};
};

}  // namespace reactor::simulation
