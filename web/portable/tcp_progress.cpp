// POSIX has no call for what the peer of a TCP connection has acknowledged.
#include "web/tcp_progress.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>

namespace web::inline v0 {

std::optional<TcpProgress> tcp_progress(int) { return std::nullopt; }

std::optional<std::uint64_t> acknowledged_bytes(int) { return std::nullopt; }

std::uint64_t unread_bytes(int fd) {
  int unread = 0;
#ifdef SO_NWRITE
  socklen_t size = sizeof unread;
  const int result = getsockopt(fd, SOL_SOCKET, SO_NWRITE, &unread, &size);
#else
  const int result = ioctl(fd, TIOCOUTQ, &unread);
#endif
  return result == 0 ? static_cast<std::uint64_t>(unread) : 0;
}

}  // namespace web
