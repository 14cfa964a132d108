// POSIX has no call for what the peer of a TCP connection has acknowledged.
#include "web/tcp_progress.hpp"

namespace web::inline v0 {

std::optional<TcpProgress> tcp_progress(int) { return std::nullopt; }

std::optional<std::uint64_t> acknowledged_bytes(int) { return std::nullopt; }

}  // namespace web
