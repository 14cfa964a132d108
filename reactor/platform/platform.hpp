// The functions below the reactor: sockets, readiness, time, names, threads, seeds. Internal.
//
// Each thread uses one platform: the kernel, or a replacement. Tests use a replacement to inject
// faults, set the clock or simulate a network, also below a program that is linked with the shared
// library.
#pragma once

#include <utility>

#include "reactor/platform/kernel.hpp"

namespace reactor::inline v0::platform {

/// A platform other than the kernel. Each function does what the kernel's of the same name does
/// (kernel.hpp) until it is overridden; files and child processes are the kernel's on any platform.
///
///     struct NoBuffers : Platform {
///       ssize_t send(int, const void*, std::size_t, int) override { return -ENOBUFS; }
///     };
///     NoBuffers full;
///     const Use use(full);
///     Loop loop;
///
/// A loop keeps the platform of the thread that made it. Its callbacks, its Work and its lookups of
/// names run on that platform. The threads of a LoopPool use the platform of its caller. Handles
/// are made, used and destroyed on the platform of their loop. A table of addresses is used on one
/// platform only, since the platform seeds their hashes. A platform that sets the clock makes
/// pollers that wake by it.
///
/// Lifetime  It outlives the loops made on it, and the lookups of names that they began.
/// Thread    Called on each thread that uses it.
class Platform {
 public:
  Platform() = default;
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // ---- Sockets, and the files of unix sockets
  virtual int socket(int family, int type, int protocol) {
    return kernel::socket(family, type, protocol);
  }
  virtual int socketpair(int family, int type, int pair[2]) {
    return kernel::socketpair(family, type, pair);
  }
  virtual int pipe(int pair[2]) { return kernel::pipe(pair); }
  virtual int bind(int fd, const sockaddr* address, socklen_t size) {
    return kernel::bind(fd, address, size);
  }
  virtual int listen(int fd, int backlog) { return kernel::listen(fd, backlog); }
  virtual int accept(int fd, sockaddr* address, socklen_t* size) {
    return kernel::accept(fd, address, size);
  }
  virtual int connect(int fd, const sockaddr* address, socklen_t size) {
    return kernel::connect(fd, address, size);
  }
  virtual int shutdown(int fd, int how) { return kernel::shutdown(fd, how); }
  virtual int close(int fd) { return kernel::close(fd); }
  virtual ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
    return kernel::recv(fd, buffer, size, flags);
  }
  virtual ssize_t send(int fd, const void* data, std::size_t size, int flags) {
    return kernel::send(fd, data, size, flags);
  }
  virtual ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    return kernel::sendmsg(fd, message, flags);
  }
  virtual ssize_t recvmsg(int fd, msghdr* message, int flags) {
    return kernel::recvmsg(fd, message, flags);
  }
  virtual ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size) {
    return kernel::sendfile(socket, file, offset, size);
  }
  virtual int recvmmsg(int fd, Message* messages, unsigned count, int flags) {
    return kernel::recvmmsg(fd, messages, count, flags);
  }
  virtual int sendmmsg(int fd, Message* messages, unsigned count, int flags) {
    return kernel::sendmmsg(fd, messages, count, flags);
  }
  virtual int getsockopt(int fd, int level, int option, void* value, socklen_t* size) {
    return kernel::getsockopt(fd, level, option, value, size);
  }
  virtual int setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
    return kernel::setsockopt(fd, level, option, value, size);
  }
  virtual int getsockname(int fd, sockaddr* address, socklen_t* size) {
    return kernel::getsockname(fd, address, size);
  }
  virtual int getpeername(int fd, sockaddr* address, socklen_t* size) {
    return kernel::getpeername(fd, address, size);
  }
  virtual int peer_credentials(int fd, uid_t* user, gid_t* group, pid_t* process) {
    return kernel::peer_credentials(fd, user, group, process);
  }
  virtual int fcntl(int fd, int command, int argument) {
    return kernel::fcntl(fd, command, argument);
  }
  virtual int unsent_bytes(int fd) { return kernel::unsent_bytes(fd); }
  virtual ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset) {
    return kernel::pread(fd, buffer, size, offset);
  }
  virtual int lstat(const char* path, struct stat* file) { return kernel::lstat(path, file); }
  virtual int unlink(const char* path) { return kernel::unlink(path); }

  // ---- Readiness and time
  virtual std::unique_ptr<Poller> new_poller(uv_loop_s& native,
                                             const Poller::Embedding* embedding) {
    return kernel::new_poller(native, embedding);
  }
  virtual std::int64_t steady_now() { return kernel::steady_now(); }
  virtual std::int64_t wall_now() { return kernel::wall_now(); }

  // ---- Names, threads, chance
  virtual int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                          addrinfo** list) {
    return kernel::getaddrinfo(host, service, hints, list);
  }
  virtual int getnameinfo(const sockaddr* address, std::string* name) {
    return kernel::getnameinfo(address, name);
  }
  virtual void queue_work(uv_loop_s* native, uv_work_s* work, void (*run)(uv_work_s*),
                          void (*done)(uv_work_s*, int status)) {
    return kernel::queue_work(native, work, run, done);
  }
  virtual void cancel_work(uv_work_s* work) { return kernel::cancel_work(work); }
  virtual int run_detached(Callback<void()> job) { return kernel::run_detached(std::move(job)); }
  virtual void random_bytes(std::byte* bytes, std::size_t size) {
    kernel::random_bytes(bytes, size);
  }
  virtual const HashSeeds& hash_seeds() { return kernel::hash_seeds(); }

 protected:
  ~Platform() = default;
};

/// The platform of this thread; null: the kernel. Each call checks it, which takes three
/// instructions.
[[gnu::tls_model("initial-exec"),
  gnu::visibility("default")]] extern constinit thread_local Platform* replacement;

/// While this lives, its thread uses `platform` (null: the kernel).
class Use {
 public:
  explicit Use(Platform* platform) : before_(std::exchange(replacement, platform)) {}
  explicit Use(Platform& platform) : Use(&platform) {}
  ~Use() { replacement = before_; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Platform* const before_;
};

}  // namespace reactor::platform
