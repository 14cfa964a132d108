// How much of a stream its client has received.
#pragma once

#include <cstdint>
#include <optional>

namespace web::inline v0 {

struct TcpProgress {
  std::uint64_t acknowledged = 0;    ///< What the peer has received since it connected.
  std::uint64_t unacknowledged = 0;  ///< What the kernel still holds for it.
};

/// Empty if all that was sent has been received, or if it is unknown, as for a unix socket.
[[nodiscard]] std::optional<TcpProgress> tcp_progress(int fd);
/// `acknowledged` alone.
[[nodiscard]] std::optional<std::uint64_t> acknowledged_bytes(int fd);

/// What the kernel still holds for the peer of a stream of any kind; 0 if it is unknown.
[[nodiscard]] std::uint64_t unread_bytes(int fd);

}  // namespace web
