// What the datagram sockets of a loop receive into and send from. Internal.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "reactor/datagram.hpp"

namespace reactor {

/// One datagram to be sent. All that it points to lies in memory that stays as it is until then:
/// in DatagramBuffers, or in a DatagramQueue.
struct Outgoing {
  const sockaddr* to = nullptr;  // Null on a connected socket.
  socklen_t to_size = 0;
  const sockaddr* from = nullptr;  // Null where the route may choose the source.
  std::span<const std::byte> bytes;
};

/// Of an IPv4 or IPv6 address, which is all that a datagram is sent from.
inline socklen_t size_of(const sockaddr& from) {
  return from.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

/// Shared by the sockets of a loop: only one at a time is being read, and only one is gathering.
class DatagramBuffers {
 public:
  using Bytes = std::span<const std::byte>;

  static constexpr unsigned batch = 64;
  static constexpr std::size_t max_outgoing = 1024;

  DatagramBuffers();

  /// The most memory that it takes.
  [[nodiscard]] static std::size_t most_bytes();

  /// One recvmmsg. The number of messages, or -errno.
  int receive(int fd);

  struct Received {
    std::span<const Datagram> datagrams;
    std::size_t truncated;
  };
  /// The datagrams in the first `count` messages, coalesced ones cut apart. How they arrived is
  /// told where the address that they came to is given, whose port they were sent to.
  Received datagrams(int count, const Address* arrived_at);

  /// True for what the sockets have received last, or may receive.
  [[nodiscard]] bool holds(const void* data) const {
    return within(data, memory_.get(), batch * stride) || is_sender(data);
  }

  /// Adds a datagram, of which what is not held is copied: the caller's memory, `from` too, is not
  /// looked at again. False when there is no room.
  [[nodiscard]] bool add(const Address* to, const Arrival* from, Bytes bytes) {
    const bool answers = is_sender(to) && within(bytes.data(), memory_.get(), batch * stride);
    if (!answers || outgoing_count_ == max_outgoing) return add_copy(to, from, bytes);
    const sockaddr* source = nullptr;
    if (from) {
      if (!is_arrival(from)) return add_copy(to, from, bytes);
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

  /// Whose datagrams these are; null when there are none.
  const void* owner = nullptr;

  /// Scratch for one sendmmsg.
  struct Control {
    alignas(cmsghdr) std::byte bytes[64];
  };
  std::array<mmsghdr, batch> messages{};
  std::array<iovec, max_outgoing> parts{};
  std::array<Control, batch> controls{};
  std::array<std::size_t, batch> lengths{};  // How many datagrams a message holds.

 private:
  // Beyond the longest UDP datagram, and not a power of two: all messages would begin in the same
  // few lines of the cache.
  static constexpr std::size_t stride = 64 * 1024 + 128;
  static constexpr std::size_t max_copied_bytes = 256 * 1024;

  struct ReceiveControl {
    alignas(cmsghdr) std::byte bytes[128];
  };

  [[nodiscard]] static bool within(const void* data, const void* begin, std::size_t size) {
    return reinterpret_cast<std::uintptr_t>(data) - reinterpret_cast<std::uintptr_t>(begin) < size;
  }
  [[nodiscard]] bool is_sender(const void* data) const {
    return within(data, senders_.data(), sizeof senders_);
  }

  [[nodiscard]] bool is_arrival(const Arrival* arrival) const {
    return within(arrival, arrivals_.data(), sizeof arrivals_);
  }

  // The kernel writes over the sizes that it is told.
  void make_ready(unsigned message) {
    received_[message].msg_hdr.msg_namelen = Address::capacity();
    received_[message].msg_hdr.msg_controllen = sizeof(ReceiveControl);
  }
  [[nodiscard]] bool add_copy(const Address* to, const Arrival* from, Bytes bytes);
  std::size_t read_control(unsigned message, Arrival& arrival);
  [[nodiscard]] std::byte* copy(const void* data, std::size_t size);
  [[nodiscard]] const sockaddr* copy(const sockaddr* address, std::size_t size) {
    return reinterpret_cast<const sockaddr*>(copy(static_cast<const void*>(address), size));
  }

  std::unique_ptr<std::byte[]> memory_;
  std::array<Address, batch> senders_;
  std::array<Arrival, batch> arrivals_;
  std::array<mmsghdr, batch> received_{};
  std::array<iovec, batch> received_parts_{};
  std::array<ReceiveControl, batch> received_controls_{};
  std::vector<Datagram> datagrams_;

  std::array<Outgoing, max_outgoing> outgoing_;
  std::size_t outgoing_count_ = 0;
  std::unique_ptr<std::byte[]> copied_;
  std::size_t copied_bytes_ = 0;
};

}  // namespace reactor
