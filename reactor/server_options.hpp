// What a server accepts and keeps, and the errors by which it ends connections.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "reactor/admission.hpp"
#include "reactor/duration.hpp"
#include "reactor/listener.hpp"
#include "reactor/result.hpp"
#include "reactor/stream_limits.hpp"

namespace reactor {

/// What a server accepts and keeps. The defaults are finite, and safe with clients that nobody
/// knows.
struct ServerOptions {
  ListenOptions listen = {};

  // ---- Connections. docs/guide.md has a section on these limits

  /// Connections beyond this many wait in the kernel's backlog. At least 1. Where RLIMIT_NOFILE
  /// leaves room for fewer, that many: see connection_limit().
  std::size_t max_connections = 10'000;
  /// Descriptors that stay free for the rest of the program, beside those that it has open when it
  /// starts to listen: its files, its children, what it connects to.
  std::size_t reserved_descriptors = 64;
  /// How many descriptors a connection may take: 1 for its socket, and what its session opens, such
  /// as a file, or a child's two outputs. At least 1.
  std::size_t descriptors_each = 1;
  /// Connections from one network, which is an IPv4 address or the first 64 bits of an IPv6
  /// address. One more takes the place of an unaccepted connection of the network, or is reset at
  /// once. Unix sockets are exempt. By default only max_connections limits them: a proxy, and the
  /// users behind an address translation, have one address together. At least 1.
  std::size_t max_per_network = SIZE_MAX;
  /// Resets a connection that its session has not accepted by stream.accept() after so long,
  /// whatever moved on it. 0: no connection has to be accepted. max(): there is time, and
  /// max_unaccepted still counts.
  Duration unaccepted_timeout = {};
  /// Connections that have not been accepted. One more, and any beyond max_connections, takes the
  /// place of the oldest of them of the same network, or else of the oldest of all. At least 1.
  std::size_t max_unaccepted = 256;

  // ---- For each connection, as in StreamLimits

  std::size_t high_water_bytes = StreamLimits().high_water_bytes;
  std::size_t max_queued_bytes = 1024 * 1024;
  std::size_t read_bytes = StreamLimits().read_bytes;
  /// A client that does not read its answers may not ask more.
  bool pause_reading_above_high_water = true;

  /// What all connections of the server may have queued together.
  std::size_t max_total_queued_bytes = 256 * 1024 * 1024;

  // ---- Time. For the first three, 0 and max() mean never

  /// Closes a connection on which no byte has moved in either direction for so long; a session
  /// that has on_idle() is asked instead. A session that has paused its stream is not idle, and
  /// stream.touch() counts as progress. The right value depends on the protocol: set it.
  Duration idle_timeout = {};
  /// Closes a connection on which no byte at all has moved since it was accepted.
  Duration first_progress_timeout = std::chrono::seconds(30);
  /// Closes a connection whose output waits and makes no progress.
  Duration stall_timeout = std::chrono::seconds(30);
  /// How long a connection that closes may make no progress.
  Duration close_timeout = StreamLimits().close_timeout;

  /// How many connections are served at once: max_connections, or what RLIMIT_NOFILE leaves beside
  /// the descriptors that are open and the reserved ones. The servers of a process share these
  /// descriptors, also those on several threads; all other limits are each server's own.
  ///
  /// Cost      Counts the open descriptors.
  [[nodiscard]] std::size_t connection_limit() const;

  /// The most memory that a server with these options takes in user space. `bytes_each` is what the
  /// program adds to each connection: its session, and what its decoder may keep.
  [[nodiscard]] std::uint64_t most_bytes(std::uint64_t bytes_each = 0) const;

  /// The part of the options that is about the number of connections.
  [[nodiscard]] AdmissionLimits admission_limits() const;

  /// The part of the options that a stream knows.
  [[nodiscard]] SharedLimits stream_limits() const;

  /// Refuses values that no server can work with; listen() and adopt() call it. `endpoint` is for
  /// the error's text.
  ///
  /// Errors    invalid_argument, with a hint that names the option: one that is at least 1 is 0, or
  ///           a timeout is negative.
  [[nodiscard]] Result<void> check(std::string_view endpoint) const;
};

/// The code of the Error by which a connection ends that was idle for longer than idle_timeout. It
/// equals std::errc::timed_out.
[[nodiscard]] std::error_code idle_too_long();

/// The code for one on which nothing has moved for first_progress_timeout after it was accepted. It
/// equals std::errc::timed_out.
[[nodiscard]] std::error_code no_first_progress();

}  // namespace reactor
