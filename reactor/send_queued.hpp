// Passes what a stream has queued to its socket, as far as that takes it. Internal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "reactor/descriptor_messages.hpp"
#include "reactor/result.hpp"
#include "reactor/send_queue.hpp"
#include "reactor/stream_connection.hpp"
#include "reactor/stream_filter.hpp"

namespace reactor::inline v0 {

/// What was sent of a queue, and why the sending stopped.
struct SentOfQueue {
  std::size_t memory_bytes = 0;
  std::uint64_t file_bytes = 0;
  bool more_of_file = false;  ///< The kernel would take more of it.
  Error error;                ///< Empty when the queue is empty or the kernel is full.
};

/// Sends until the kernel is full, and no more than `most_file_bytes` of files. `descriptors`,
/// where not null, are sent with their bytes.
[[nodiscard]] SentOfQueue send_queued(SendQueue& queue, const StreamConnection& to,
                                      DescriptorMessages* descriptors,
                                      std::uint64_t most_file_bytes);

/// Sends what the filter has encoded. Returns 0 when the kernel has taken all of it, or else the
/// error, which is EAGAIN when it has taken a part.
[[nodiscard]] int send_output(StreamFilter& filter, const StreamConnection& to);

/// The same as the first through a filter whose output is all sent.
[[nodiscard]] SentOfQueue send_queued(SendQueue& queue, const StreamConnection& to,
                                      StreamFilter& filter, std::uint64_t most_file_bytes);

}  // namespace reactor
