// The calls that Linux has in addition to POSIX.
#include "reactor/platform/kernel.hpp"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

#include <csignal>
#include <cstddef>

namespace reactor::inline v0::platform {

const int more_follows = MSG_MORE;

timespec change_time(const struct stat& file) { return file.st_ctim; }

namespace {

thread_local cpu_set_t before_pinned;

}  // namespace

int pin_thread(std::size_t nth) {
  if (::sched_getaffinity(0, sizeof before_pinned, &before_pinned) < 0) return -errno;
  nth %= static_cast<std::size_t>(CPU_COUNT(&before_pinned));
  std::size_t processor = 0;
  while (!CPU_ISSET(processor, &before_pinned) || nth-- > 0) ++processor;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  return ::sched_setaffinity(0, sizeof one, &one) < 0 ? -errno : 0;
}

void unpin_thread() { (void)::sched_setaffinity(0, sizeof before_pinned, &before_pinned); }

namespace kernel {
namespace {

mmsghdr* as_mmsghdr(Message* messages) {
  static_assert(sizeof(Message) == sizeof(mmsghdr) &&
                offsetof(Message, header) == offsetof(mmsghdr, msg_hdr) &&
                offsetof(Message, length) == offsetof(mmsghdr, msg_len));
  return reinterpret_cast<mmsghdr*>(messages);
}

}  // namespace

int socket(int family, int type, int protocol) {
  return or_error(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

int socketpair(int family, int type, int pair[2]) {
  return or_error(::socketpair(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
}

int accept(int fd, sockaddr* address, socklen_t* size) {
  const int accepted = or_error(::accept4(fd, address, size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  probe::accept(fd, accepted);
  return accepted;
}

ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size) {
  // It has no MSG_NOSIGNAL, so the signal is blocked in this thread, and discarded.
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t sent = or_error(::sendfile(socket, file, offset, size));
  probe::write(socket, sent);
  if (sigismember(&before, SIGPIPE) == 0) {
    constexpr timespec at_once{};
    // Needed also if a part was sent before the error: then sendfile returns the size of that part.
    if (sent != static_cast<ssize_t>(size)) ::sigtimedwait(&pipe, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  return sent;
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const ssize_t received = or_error(::recvmsg(fd, message, flags | MSG_CMSG_CLOEXEC));
  probe::read(fd, received);
  return received;
}

int peer_credentials(int fd, uid_t* user, gid_t* group, pid_t* process) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
  *user = credentials.uid;
  *group = credentials.gid;
  *process = credentials.pid;
  return 0;
}

int recvmmsg(int fd, Message* messages, unsigned count, int flags) {
  const int received = or_error(::recvmmsg(fd, as_mmsghdr(messages), count, flags, nullptr));
  probe::read(fd, received);
  return received;
}

int sendmmsg(int fd, Message* messages, unsigned count, int flags) {
  const int sent = or_error(::sendmmsg(fd, as_mmsghdr(messages), count, flags | no_signal));
  probe::write(fd, sent);
  return sent;
}

int unsent_bytes(int fd) {
  int unsent = 0;
  return ::ioctl(fd, TIOCOUTQ, &unsent) < 0 ? -errno : unsent;
}

}  // namespace kernel
}  // namespace reactor::platform
