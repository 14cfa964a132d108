// Descriptors that travel with the bytes of a unix stream. Internal.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "reactor/descriptor.hpp"

namespace reactor::inline v0 {

/// The most that one message can have: SCM_MAX_FD of Linux.
inline constexpr std::size_t most_descriptors_at_once = 253;

/// Sends `bytes`, and `descriptors` with the first of them. Returns the number of bytes, or -errno.
[[nodiscard]] std::ptrdiff_t send_with_descriptors(int socket, std::span<const std::byte> bytes,
                                                   std::span<const Descriptor> descriptors);

/// Receives bytes, and appends the descriptors that came with them. The last of the bytes may be
/// followed by more, also where the buffer is not full. Returns the number of bytes, or -errno;
/// -EMFILE when the process had no room for all of the descriptors, and then appends none.
[[nodiscard]] std::ptrdiff_t receive_with_descriptors(int socket, std::span<std::byte> buffer,
                                                      std::vector<Descriptor>& received);

/// The descriptors that a stream passes.
class DescriptorMessages {
 public:
  using Bytes = std::span<const std::byte>;

  // ---- Received

  /// How many may wait until they are taken.
  std::size_t most_waiting = 0;
  std::vector<Descriptor> received;

  /// The one that waits longest; owns nothing if none waits.
  [[nodiscard]] Descriptor take();

  // ---- Sent, as far as bytes before them wait in a queue

  [[nodiscard]] bool nothing_waits() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t waiting() const;

  /// To be sent with the byte that follows `bytes_before` bytes of the queue.
  void push(std::size_t bytes_before, std::vector<Descriptor> descriptors);

  /// The part of the front of the queue to send in one message, and what to send with it.
  [[nodiscard]] Bytes next_bytes(Bytes front) const;
  [[nodiscard]] std::span<const Descriptor> next() const;

  /// So many bytes of the queue are sent.
  void pop(std::size_t sent);
  void drop() { waiting_.clear(); }

 private:
  struct Attached {
    std::size_t bytes_before;
    std::vector<Descriptor> descriptors;
  };
  std::deque<Attached> waiting_;
};

}  // namespace reactor
