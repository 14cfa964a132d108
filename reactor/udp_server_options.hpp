// The limits of a server of datagrams.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "reactor/datagram.hpp"
#include "reactor/duration.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// What a UdpServer keeps. The defaults are finite, and safe with unknown peers.
struct UdpServerOptions {
  DatagramOptions socket = {};
  /// For one peer more, the one that has been silent for longest is forgotten: anyone who can forge
  /// sender addresses can fill any table, and must not lock others out. At least 1.
  std::size_t max_sessions = 10'000;
  /// For one peer more of one network, the peer of that network with the oldest session is
  /// forgotten. A network is an IPv4 address or the first 64 bits of an IPv6 address. By default
  /// only max_sessions limits them. At least 1.
  std::size_t max_per_network = SIZE_MAX;
  /// Forgets a peer from which nothing arrived for this long; zero: never.
  Duration idle_timeout = std::chrono::minutes(1);

  /// The most memory that a server with these options takes in user space, on one address. A
  /// further address of its name takes `socket.max_queued_bytes` more. `bytes_each` is what the
  /// program adds to each session.
  [[nodiscard]] std::uint64_t most_bytes(std::uint64_t bytes_each = 0) const;

  /// Refuses values that no server can use; bind() calls it. `endpoint` is for the error's text.
  ///
  /// Errors    invalid_argument, with a hint that names the option: max_sessions or max_per_network
  ///           is 0, or idle_timeout is negative.
  [[nodiscard]] Result<void> check(std::string_view endpoint) const;
};

}  // namespace reactor
#pragma GCC visibility pop
