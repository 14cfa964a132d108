#include "reactor/platform/kernel.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <random>

namespace reactor::platform::kernel {

int pipe(int pair[2]) { return uv_pipe(pair, UV_NONBLOCK_PIPE, 0); }

int bind(int fd, const sockaddr* address, socklen_t size) {
  return or_error(::bind(fd, address, size));
}

int listen(int fd, int backlog) { return or_error(::listen(fd, backlog)); }

int connect(int fd, const sockaddr* address, socklen_t size) {
  return or_error(::connect(fd, address, size));
}

int shutdown(int fd, int how) { return or_error(::shutdown(fd, how)); }

int close(int fd) { return or_error(::close(fd)); }

// A pipe is read with recv() first, as if it were a socket. So each read of a pipe costs one failed
// call, and a read of a socket costs nothing more.
ssize_t after_failed_recv(int fd, void* buffer, std::size_t size) {
  return errno == ENOTSOCK ? or_error(::read(fd, buffer, size)) : -errno;
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return or_error(::sendmsg(fd, message, flags | no_signal));
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

ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset) {
  return or_error(::pread(fd, buffer, size, offset));
}

int lstat(const char* path, struct stat* file) { return or_error(::lstat(path, file)); }

int unlink(const char* path) { return or_error(::unlink(path)); }

int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list) {
  // Without a callback libuv resolves synchronously. It uses only a counter of requests of the
  // loop.
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
