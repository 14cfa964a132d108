// Calls of POSIX for what Linux does in one call.
#include "reactor/platform/kernel.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace reactor::inline v0::platform {

const int more_follows = 0;

timespec change_time(const struct stat& file) {
#ifdef __APPLE__
  return file.st_ctimespec;
#else
  return file.st_ctim;
#endif
}

int pin_thread(std::size_t) { return -EOPNOTSUPP; }

void unpin_thread() {}

namespace kernel {
namespace {

// Makes `fd` close-on-exec and non-blocking; returns it or -errno. A child that another thread
// starts before that inherits it.
int owned(int fd) {
  if (fd < 0) return -errno;
  const int flags = ::fcntl(fd, F_GETFL);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  (void)::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  if (flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  return -error;
}

}  // namespace

int socket(int family, int type, int protocol) { return owned(::socket(family, type, protocol)); }

int socketpair(int family, int type, int pair[2]) {
  if (::socketpair(family, type, 0, pair) < 0) return -errno;
  const int first = owned(pair[0]);
  const int second = owned(pair[1]);
  if (first >= 0 && second >= 0) return 0;
  for (const int fd : {first, second}) {
    if (fd >= 0) ::close(fd);
  }
  return first < 0 ? first : second;
}

int accept(int fd, sockaddr* address, socklen_t* size) {
  const int accepted = owned(::accept(fd, address, size));
  probe::accept(fd, accepted);
  return accepted;
}

ssize_t sendfile(int, int, off_t*, std::size_t) { return -EINVAL; }

// A child that another thread starts before this returns inherits the descriptors.
ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const ssize_t size = or_error(::recvmsg(fd, message, flags));
  probe::read(fd, size);
  if (size < 0) return size;
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    // macOS does not shorten the header of a message that it has truncated.
    const auto* const end =
        static_cast<const char*>(message->msg_control) + message->msg_controllen;
    const auto room = static_cast<std::size_t>(end - reinterpret_cast<const char*>(header));
    const std::size_t bytes = std::min(room, std::size_t{header->cmsg_len}) - CMSG_LEN(0);
    for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int arrived;
      std::memcpy(&arrived, CMSG_DATA(header) + at, sizeof arrived);
      (void)::fcntl(arrived, F_SETFD, FD_CLOEXEC);
    }
  }
  return size;
}

int peer_credentials(int, uid_t*, gid_t*, pid_t*) { return -EOPNOTSUPP; }

int recvmmsg(int fd, Message* messages, unsigned count, int flags) {
  for (unsigned i = 0; i < count; ++i) {
    const ssize_t received = ::recvmsg(fd, &messages[i].header, flags);
    probe::read(fd, received);
    if (received < 0) return i > 0 ? static_cast<int>(i) : -errno;
    messages[i].length = static_cast<unsigned>(received);
  }
  return static_cast<int>(count);
}

int sendmmsg(int fd, Message* messages, unsigned count, int flags) {
  for (unsigned i = 0; i < count; ++i) {
    const ssize_t sent = kernel::sendmsg(fd, &messages[i].header, flags);
    if (sent < 0) return i > 0 ? static_cast<int>(i) : static_cast<int>(sent);
  }
  return static_cast<int>(count);
}

int unsent_bytes(int fd) {
  int unsent = 0;
#ifdef SO_NWRITE
  socklen_t size = sizeof unsent;
  return ::getsockopt(fd, SOL_SOCKET, SO_NWRITE, &unsent, &size) < 0 ? -errno : unsent;
#else
  return ::ioctl(fd, TIOCOUTQ, &unsent) < 0 ? -errno : unsent;
#endif
}

}  // namespace kernel
}  // namespace reactor::platform
