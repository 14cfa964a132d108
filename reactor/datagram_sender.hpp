// Passes datagrams to the kernel, and handles what it refuses. Internal.
#pragma once

#include <cstddef>
#include <span>

#include "reactor/datagram_batch.hpp"
#include "reactor/datagram_errors.hpp"
#include "reactor/datagram_types.hpp"
#include "reactor/socket.hpp"

namespace reactor::inline v0 {

/// Sends batches through one socket. When a link or a socket does not support GSO, it detects that
/// and sends the datagrams one by one.
class DatagramSender {
 public:
  struct Options {
    bool connected;
    bool segmentation_offload;
  };

  DatagramSender(const Socket& socket, DatagramBatch& batch, DatagramErrors& errors,
                 DatagramCounters& counters, Options options)
      : socket_(socket),
        batch_(batch),
        errors_(errors),
        counters_(counters),
        connected_(options.connected),
        gso_limit_(options.segmentation_offload ? DatagramBatch::max_gso_bytes : 0) {}

  /// Sends until the kernel has no room. Returns how many datagrams are done: sent, or counted and
  /// reported as failed.
  std::size_t transmit(std::span<Outgoing> outgoing);

  /// The kernel had no memory for the last datagram. It does not report when it has memory again.
  [[nodiscard]] bool out_of_buffers() const { return out_of_buffers_; }

 private:
  const Socket& socket_;
  DatagramBatch& batch_;
  DatagramErrors& errors_;
  DatagramCounters& counters_;
  const bool connected_;
  bool out_of_buffers_ = false;
  std::size_t gso_limit_;  // Longer datagrams are sent one by one.
};

}  // namespace reactor
