#include "samples/support/acknowledged.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>  // That of <netinet/tcp.h> knows no acknowledged bytes.
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace samples {

std::optional<std::uint64_t> acknowledged_while_sending(int fd) {
  int unread = 0;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (ioctl(fd, SIOCOUTQ, &unread) != 0 || unread == 0 ||
      getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return std::nullopt;
  }
  return info.tcpi_bytes_acked;
}

}  // namespace samples
