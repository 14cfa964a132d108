#include "web/tcp_progress.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>  // <netinet/tcp.h> has no acknowledged bytes.
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace web::inline v0 {

std::optional<TcpProgress> tcp_progress(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  int unread = 0;
  // In this order, so that bytes acknowledged in between are counted at most once.
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      ioctl(fd, SIOCOUTQ, &unread) != 0 || unread == 0) {
    return std::nullopt;
  }
  return TcpProgress{info.tcpi_bytes_acked, static_cast<std::uint64_t>(unread)};
}

std::optional<std::uint64_t> acknowledged_bytes(int fd) {
  const auto now = tcp_progress(fd);
  return now ? std::optional(now->acknowledged) : std::nullopt;
}

std::uint64_t unread_bytes(int fd) {
  int unread = 0;
  return ioctl(fd, SIOCOUTQ, &unread) == 0 ? static_cast<std::uint64_t>(unread) : 0;
}

}  // namespace web
