#include "reactor/platform/kernel.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <random>

namespace reactor::platform::kernel {
namespace {

template <class T>
T or_error(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

}  // namespace

int socket(int family, int type, int protocol) {
  return or_error(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

int socketpair(int family, int type, int pair[2]) {
  return or_error(::socketpair(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
}

int pipe(int pair[2]) { return uv_pipe(pair, UV_NONBLOCK_PIPE, 0); }

int bind(int fd, const sockaddr* address, socklen_t size) {
  return or_error(::bind(fd, address, size));
}

int listen(int fd, int backlog) { return or_error(::listen(fd, backlog)); }

int accept(int fd, sockaddr* address, socklen_t* size) {
  return or_error(::accept4(fd, address, size, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  return or_error(::connect(fd, address, size));
}

int shutdown(int fd, int how) { return or_error(::shutdown(fd, how)); }

int close(int fd) { return or_error(::close(fd)); }

// A pipe is read as if it were a socket: each attempt costs it a call that fails, and a socket
// nothing.
ssize_t after_failed_recv(int fd, void* buffer, std::size_t size) {
  return errno == ENOTSOCK ? or_error(::read(fd, buffer, size)) : -errno;
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return or_error(::sendmsg(fd, message, flags | MSG_NOSIGNAL));
}

ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size) {
  // It knows no MSG_NOSIGNAL, so the signal is held back from this thread, and forgotten.
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t sent = or_error(::sendfile(socket, file, offset, size));
  if (sigismember(&before, SIGPIPE) == 0) {
    constexpr timespec at_once{};
    // Also where a part was sent before the peer was found gone: that part is what it returns.
    if (sent != static_cast<ssize_t>(size)) ::sigtimedwait(&pipe, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  return sent;
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return or_error(::recvmmsg(fd, messages, count, flags, nullptr));
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return or_error(::sendmmsg(fd, messages, count, flags | MSG_NOSIGNAL));
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) {
  return or_error(::getsockopt(fd, level, option, value, size));
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
  return or_error(::setsockopt(fd, level, option, value, size));
}

int getsockname(int fd, sockaddr* address, socklen_t* size) {
  return or_error(::getsockname(fd, address, size));
}

int getpeername(int fd, sockaddr* address, socklen_t* size) {
  return or_error(::getpeername(fd, address, size));
}

int fcntl(int fd, int command, int argument) { return or_error(::fcntl(fd, command, argument)); }

int ioctl(int fd, unsigned long request, int* value) {
  return or_error(::ioctl(fd, request, value));
}

ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset) {
  return or_error(::pread(fd, buffer, size, offset));
}

int lstat(const char* path, struct stat* file) { return or_error(::lstat(path, file)); }

int unlink(const char* path) { return or_error(::unlink(path)); }

int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list) {
  // Without a callback libuv asks at once. Of the loop it uses a counter of requests only.
  uv_loop_t loop{};
  uv_getaddrinfo_t request{};
  const int error = uv_getaddrinfo(&loop, &request, nullptr, host, service, hints);
  *list = error ? nullptr : request.addrinfo;
  return error;
}

int getnameinfo(const sockaddr* address, std::string* name) {
  uv_loop_t loop{};
  uv_getnameinfo_t request{};
  const int error = uv_getnameinfo(&loop, &request, nullptr, address, NI_NAMEREQD);
  if (!error) *name = request.host;
  return error;
}

const HashSeeds& hash_seeds() {
  static const HashSeeds seeds = [] {
    std::random_device random;
    HashSeeds made;
    for (auto& seed : made) seed = (std::uint64_t{random()} << 32 | random()) | 1;
    return made;
  }();
  return seeds;
}

}  // namespace reactor::platform::kernel
