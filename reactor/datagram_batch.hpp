// Assembles datagrams into the messages of one sendmmsg. Internal.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "reactor/platform/datagram_features.hpp"
#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {

/// One datagram to be sent. The memory that it points to does not change until then: it is in
/// DatagramBuffers or in a DatagramQueue.
struct Outgoing {
  const sockaddr* to = nullptr;  // Null on a connected socket.
  socklen_t to_size = 0;
  const sockaddr* from = nullptr;  // Null where the route determines the source.
  std::span<const std::byte> bytes;
};

/// The size of an IPv4 or IPv6 address; only these can be the source of a datagram.
inline socklen_t size_of(const sockaddr& from) {
  return from.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

/// Makes a message of each datagram, or one of several that the kernel can segment again (GSO).
///
///     const auto [messages, datagrams] = batch.build(outgoing, 0, gso_limit);
///     const int taken = batch.send(fd, messages);
class DatagramBatch {
 public:
  static constexpr unsigned max_messages = 64;
  static constexpr std::size_t max_datagrams = 1024;

  /// The most that one GSO message may hold: UDP_MAX_SEGMENTS of older kernels, and the longest UDP
  /// payload over IPv6 (65,535 bytes with both headers).
  static constexpr std::size_t max_segments = 64;
  static constexpr std::size_t max_gso_bytes = 65'535 - 40 - 8;

  struct Built {
    unsigned messages;
    std::size_t datagrams;
  };
  /// Builds as many messages as fit from the first of `outgoing`, which is not empty. The first
  /// `one_by_one` datagrams, and those longer than `gso_limit`, each get their own message.
  Built build(std::span<const Outgoing> outgoing, std::size_t one_by_one, std::size_t gso_limit) {
    unsigned count = 0;
    std::size_t end = 0;
    while (end < outgoing.size() && count < max_messages) {
      const auto rest = outgoing.subspan(end);
      const std::size_t length = end < one_by_one ? 1 : gso_segments(rest, gso_limit);
      build_message(count, rest.first(length), end);
      lengths_[count++] = length;
      end += length;
    }
    return {count, end};
  }

  /// Sends the first `count` messages. Returns how many of them the kernel has taken, or -errno.
  int send(int fd, unsigned count) {
    if (count > 1) return sys::sendmmsg(fd, messages_.data(), count, 0);
    const ssize_t sent = sys::sendmsg(fd, &messages_[0].header, 0);
    return sent < 0 ? static_cast<int>(sent) : 1;
  }

  /// How many datagrams a message holds.
  [[nodiscard]] std::size_t length(unsigned message) const { return lengths_[message]; }
  [[nodiscard]] const msghdr& message(unsigned index) const { return messages_[index].header; }

 private:
  struct Control {
    alignas(cmsghdr) std::byte bytes[64];
  };

  /// How many of these the kernel can take as one: equal in length, except for a shorter last one.
  [[nodiscard]] static std::size_t gso_segments(std::span<const Outgoing> outgoing,
                                                std::size_t limit) {
    const Outgoing& first = outgoing[0];
    const std::size_t segment = first.bytes.size();
    if (segment == 0 || segment > limit) return 1;
    const std::size_t most = std::min(outgoing.size(), max_segments);
    std::size_t length = 1;
    std::size_t bytes = segment;
    while (length < most) {
      const Outgoing& next = outgoing[length];
      bytes += next.bytes.size();
      // An empty datagram would be lost in a GSO message.
      if (next.bytes.empty() || next.bytes.size() > segment || bytes > max_gso_bytes ||
          !same_place(first, next) || !same_source(first, next)) {
        break;
      }
      ++length;
      if (next.bytes.size() < segment) break;
    }
    return length;
  }

  [[nodiscard]] static bool same_place(const Outgoing& left, const Outgoing& right) {
    if (left.to == right.to) return true;
    if (!left.to || !right.to || left.to_size != right.to_size) return false;
    // Most addresses differ in their ports.
    static_assert(offsetof(sockaddr_in, sin_port) == 2 && offsetof(sockaddr_in6, sin6_port) == 2);
    std::uint32_t family_and_port[2] = {};
    if (left.to_size >= sizeof(sockaddr_in)) {
      std::memcpy(&family_and_port[0], left.to, 4);
      std::memcpy(&family_and_port[1], right.to, 4);
    }
    return family_and_port[0] == family_and_port[1] &&
           std::memcmp(left.to, right.to, left.to_size) == 0;
  }

  [[nodiscard]] static bool same_source(const Outgoing& left, const Outgoing& right) {
    return left.from == right.from ||
           (left.from && right.from && left.from->sa_family == right.from->sa_family &&
            std::memcmp(left.from, right.from, size_of(*left.from)) == 0);
  }

  void build_message(unsigned index, std::span<const Outgoing> datagrams, std::size_t first_part) {
    const Outgoing& first = datagrams[0];
    iovec* const parts = &parts_[first_part];
    for (std::size_t i = 0; i < datagrams.size(); ++i) {
      parts[i] = {const_cast<std::byte*>(datagrams[i].bytes.data()), datagrams[i].bytes.size()};
    }
    msghdr& message = messages_[index].header;
    message.msg_name = const_cast<sockaddr*>(first.to);
    message.msg_namelen = first.to_size;
    message.msg_iov = parts;
    message.msg_iovlen = datagrams.size();
    message.msg_control = &controls_[index];
    message.msg_controllen = 0;
    if (first.from) platform::append_source(message, *first.from);
    if (datagrams.size() > 1) platform::append_segment(message, first.bytes.size());
    if (message.msg_controllen == 0) message.msg_control = nullptr;
  }

  std::array<platform::Message, max_messages> messages_{};
  std::array<iovec, max_datagrams> parts_{};
  std::array<Control, max_messages> controls_{};
  std::array<std::size_t, max_messages> lengths_{};
};

}  // namespace reactor
