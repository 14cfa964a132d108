// The limits of a server, and the errors by which it ends connections.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "reactor/admission.hpp"
#include "reactor/duration.hpp"
#include "reactor/listener.hpp"
#include "reactor/result.hpp"
#include "reactor/stream_limits.hpp"
#include "reactor/tls_context.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// What a server accepts and keeps. The defaults are finite, and safe with unknown clients.
struct ServerOptions {
  ListenOptions listen = {};

  /// Every connection is protected by TLS. Sessions are made when the connection is accepted; what
  /// they write waits for the handshake.
  std::optional<TlsContext> tls = {};

  // ---- Connections. docs/guide.md has a section on these limits

  /// Connections beyond this many wait in the kernel's backlog. At least 1. The limit is lower if
  /// RLIMIT_NOFILE leaves room for fewer: see connection_limit().
  std::size_t max_connections = 10'000;
  /// Descriptors that stay free for the rest of the program, for example its files, its children
  /// and what it connects to. Those that are open when it starts to listen are not counted here.
  std::size_t reserved_descriptors = 64;
  /// How many descriptors a connection may take: 1 for its socket, and what its session opens, such
  /// as a file, or a child's two outputs. At least 1.
  std::size_t descriptors_each = 1;
  /// Connections from one network, which is an IPv4 address or the first 64 bits of an IPv6
  /// address. One more takes the place of an unaccepted connection of the network, or is reset
  /// immediately. Unix sockets are exempt. By default only max_connections limits them, because a
  /// proxy, and all users behind one address translation, share one address. At least 1.
  std::size_t max_per_network = SIZE_MAX;
  /// Resets a connection that its session has not accepted by stream.accept() after this time, even
  /// if bytes moved on it. 0: no connection has to be accepted. max(): no time limit, and
  /// max_unaccepted still applies.
  Duration unaccepted_timeout = {};
  /// Connections that have not been accepted. One more, and any beyond max_connections, takes the
  /// place of the oldest of them of the same network, or else of the oldest of all. At least 1.
  std::size_t max_unaccepted = 256;

  // ---- For each connection, as in StreamLimits

  std::size_t high_water_bytes = StreamLimits().high_water_bytes;
  std::size_t max_queued_bytes = 1024 * 1024;
  std::size_t read_bytes = StreamLimits().read_bytes;
  /// A client that does not read its responses may send no more requests.
  bool pause_reading_above_high_water = true;

  /// What all connections of the server may have queued together.
  std::size_t max_total_queued_bytes = 256 * 1024 * 1024;

  // ---- Time. For the first three, 0 and max() mean never

  /// Closes a connection on which no byte has moved in either direction for this time; if the
  /// session has on_idle(), calls that instead. A session that has paused its stream is not idle,
  /// and stream.touch() counts as progress. The right value depends on the protocol: set it.
  Duration idle_timeout = {};
  /// Closes a connection on which no byte at all has moved since it was accepted.
  Duration first_progress_timeout = std::chrono::seconds(30);
  /// Closes a connection whose queued output makes no progress.
  Duration stall_timeout = std::chrono::seconds(30);
  /// How long a connection that closes may make no progress.
  Duration close_timeout = StreamLimits().close_timeout;

  /// How many connections are served at the same time: max_connections, or the descriptors that
  /// RLIMIT_NOFILE leaves beside the open and the reserved ones. The servers of a process share
  /// these descriptors, also those on several threads; all other limits apply to each server
  /// separately.
  ///
  /// Cost      Counts the open descriptors.
  [[nodiscard]] std::size_t connection_limit() const;

  /// The most memory that a server with these options takes in user space. `bytes_each` is what the
  /// program adds to each connection: its session, and what its decoder may keep.
  [[nodiscard]] std::uint64_t most_bytes(std::uint64_t bytes_each = 0) const;

  /// The options that limit the number of connections.
  [[nodiscard]] AdmissionLimits admission_limits() const;

  /// The options that apply to a stream.
  [[nodiscard]] SharedLimits stream_limits() const;

  /// Refuses values that no server can use; listen() and adopt() call it. `endpoint` is for the
  /// error's text.
  ///
  /// Errors    invalid_argument, with a hint that names the option: one that is at least 1 is 0, or
  ///           a timeout is negative.
  [[nodiscard]] Result<void> check(std::string_view endpoint) const;
};

/// The code of the Error that ends a connection which was idle for longer than idle_timeout. It
/// equals std::errc::timed_out.
[[nodiscard]] std::error_code idle_too_long();

/// The code for a connection on which nothing moved for first_progress_timeout after it was
/// accepted. It equals std::errc::timed_out.
[[nodiscard]] std::error_code no_first_progress();

}  // namespace reactor
#pragma GCC visibility pop
