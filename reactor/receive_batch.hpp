// The messages of one recvmmsg, and the datagrams in them. Internal.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "reactor/datagram_types.hpp"
#include "reactor/platform/kernel.hpp"

namespace reactor::inline v0 {

/// The memory into which datagrams are received. Messages that the kernel joined (GRO) are split.
class ReceiveBatch {
 public:
  static constexpr unsigned max_messages = 64;

  ReceiveBatch();

  /// The most memory that it takes.
  [[nodiscard]] static std::size_t most_bytes();

  /// Calls recvmmsg once. Returns the number of messages, or -errno.
  int receive(int fd);

  struct Received {
    std::span<const Datagram> datagrams;
    std::size_t truncated;
  };
  /// Returns the datagrams in the first `count` messages, valid until the next receive(). With
  /// `arrived_at`, the address of the socket, each has a PacketInfo; its destination gets the port
  /// of that address.
  Received datagrams(int count, const Address* arrived_at);

  /// True for addresses in the memory that receive() writes to.
  [[nodiscard]] bool holds_bytes(const void* data) const {
    return within(data, memory_.get(), max_messages * stride);
  }
  [[nodiscard]] bool holds_sender(const void* data) const {
    return within(data, senders_.data(), sizeof senders_);
  }
  [[nodiscard]] bool holds_packet_info(const PacketInfo* packet_info) const {
    return within(packet_info, packet_infos_.data(), sizeof packet_infos_);
  }

 private:
  // Longer than the longest UDP datagram, and not a power of two: otherwise all messages would
  // begin in the same few lines of the cache.
  static constexpr std::size_t stride = 64 * 1024 + 128;

  struct Control {
    alignas(cmsghdr) std::byte bytes[128];
  };

  [[nodiscard]] static bool within(const void* data, const void* begin, std::size_t size) {
    return reinterpret_cast<std::uintptr_t>(data) - reinterpret_cast<std::uintptr_t>(begin) < size;
  }

  // The kernel overwrites the sizes that it is given.
  void make_ready(unsigned message) {
    messages_[message].header.msg_namelen = Address::capacity();
    messages_[message].header.msg_controllen = sizeof(Control);
  }

  std::unique_ptr<std::byte[]> memory_;
  std::array<Address, max_messages> senders_;
  std::array<PacketInfo, max_messages> packet_infos_;
  std::array<platform::Message, max_messages> messages_{};
  std::array<iovec, max_messages> parts_{};
  std::array<Control, max_messages> controls_{};
  std::vector<Datagram> datagrams_;
};

}  // namespace reactor
