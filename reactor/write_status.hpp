// What a write returns, for streams and for datagrams.
#pragma once

#include "reactor/version.hpp"

namespace reactor::inline v0 {

/// What happened to the bytes or the datagram of a write. `refused`, `closed` and `dropped` mean
/// that nothing was taken; the other three mean that all of it was.
enum class WriteStatus : unsigned char {
  sent,              ///< The kernel has it, or gets it when the running callback returns.
  queued,            ///< It waits until the kernel has room.
  above_high_water,  ///< It waits too, above the high-water mark: write no more until on_drained.
                     ///< Streams only.
  refused,  ///< The queue has no room for it; the connection or socket remains usable. Write again
            ///< after on_drained. Stream::Sender and datagrams only.
  closed,   ///< The stream is closed, closing, or has been shut down. Streams only.
  dropped,  ///< The datagram is lost, as the network may lose it, and counted. Datagrams only.
};

}  // namespace reactor
