#include "reactor/platform/kernel.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "reactor/after_fork.hpp"

namespace reactor::inline v0::platform::kernel {

int pipe(int pair[2]) { return uv_pipe(pair, UV_NONBLOCK_PIPE, 0); }

int bind(int fd, const sockaddr* address, socklen_t size) {
  return or_error(::bind(fd, address, size));
}

int listen(int fd, int backlog) { return or_error(::listen(fd, backlog)); }

int connect(int fd, const sockaddr* address, socklen_t size) {
  return or_error(::connect(fd, address, size));
}

int shutdown(int fd, int how) { return or_error(::shutdown(fd, how)); }

int close(int fd) {
  probe::close(fd);
  return or_error(::close(fd));
}

// A pipe is read with recv() first, as if it were a socket. So each read of a pipe costs one failed
// call, and a read of a socket costs nothing more.
ssize_t after_failed_recv(int fd, void* buffer, std::size_t size) {
  return errno == ENOTSOCK ? or_error(::read(fd, buffer, size)) : -errno;
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

namespace {

// What a thread has taken from the system in advance. The last `left` bytes were not used.
struct RandomSupply {
  std::array<std::byte, 256> bytes;
  std::size_t left = 0;
};
thread_local RandomSupply supply;

void random_bytes_of_system(std::byte* bytes, std::size_t size) {
  if (uv_random(nullptr, nullptr, bytes, size, 0, nullptr) != 0) std::abort();
}

}  // namespace

void random_bytes(std::byte* bytes, std::size_t size) {
  // A child would repeat the numbers of its parent.
  static const auto* const after_fork =
      new AfterFork([](void*) noexcept { supply.left = 0; }, nullptr);
  (void)after_fork;
  if (size > supply.bytes.size()) return random_bytes_of_system(bytes, size);
  if (supply.left < size) {
    random_bytes_of_system(supply.bytes.data(), supply.bytes.size());
    supply.left = supply.bytes.size();
  }
  std::byte* const first = supply.bytes.data() + supply.bytes.size() - supply.left;
  std::copy_n(first, size, bytes);
  std::fill_n(first, size, std::byte{});  // No secret stays in memory.
  supply.left -= size;
}

const HashSeeds& hash_seeds() {
  static const HashSeeds seeds = [] {
    HashSeeds made;
    random_bytes_of_system(reinterpret_cast<std::byte*>(made.data()), sizeof made);
    for (auto& seed : made) seed |= 1;
    return made;
  }();
  return seeds;
}

}  // namespace reactor::platform::kernel
