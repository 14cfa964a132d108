// The memory that the datagram sockets of a loop receive into and send from. Internal.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "reactor/datagram_batch.hpp"
#include "reactor/receive_batch.hpp"

namespace reactor::inline v0 {

/// Shared by the sockets of a loop: only one at a time reads, and only one gathers.
class DatagramBuffers {
 public:
  using Bytes = std::span<const std::byte>;

  DatagramBuffers();

  /// The most memory that it takes.
  [[nodiscard]] static std::size_t most_bytes();

  ReceiveBatch received;

  /// For the current sendmmsg.
  DatagramBatch batch;

  /// Adds a datagram. Copies what is not in these buffers, also `from`: the caller's memory is not
  /// read again. Returns false when there is no room.
  [[nodiscard]] bool add(const Address* to, const PacketInfo* from, Bytes bytes) {
    const bool answers = received.holds_sender(to) && received.holds_bytes(bytes.data());
    if (!answers || outgoing_count_ == DatagramBatch::max_datagrams)
      return add_copy(to, from, bytes);
    const sockaddr* source = nullptr;
    if (from) {
      if (!received.holds_packet_info(from)) return add_copy(to, from, bytes);
      source = from->local.data();
    }
    outgoing_[outgoing_count_++] = {to->data(), to->size(), source, bytes};
    return true;
  }

  /// What was added, to be sent before anything is received.
  [[nodiscard]] std::span<Outgoing> outgoing() {
    return std::span(outgoing_).first(outgoing_count_);
  }
  void clear_outgoing() { outgoing_count_ = copied_bytes_ = 0; }

  /// The socket to which these datagrams belong; null when there are none.
  const void* owner = nullptr;

 private:
  static constexpr std::size_t max_copied_bytes = 256 * 1024;

  [[nodiscard]] bool add_copy(const Address* to, const PacketInfo* from, Bytes bytes);
  [[nodiscard]] std::byte* copy(const void* data, std::size_t size);
  [[nodiscard]] const sockaddr* copy(const sockaddr* address, std::size_t size) {
    return reinterpret_cast<const sockaddr*>(copy(static_cast<const void*>(address), size));
  }

  std::array<Outgoing, DatagramBatch::max_datagrams> outgoing_;
  std::size_t outgoing_count_ = 0;
  std::unique_ptr<std::byte[]> copied_;
  std::size_t copied_bytes_ = 0;
};

}  // namespace reactor
