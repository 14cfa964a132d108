// The real platform: the system calls and libuv, one thin function each. Internal.
//
// Only reactor/platform/ calls these. The rest of the library calls those of the same names in
// sys.hpp, which another platform may replace.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

#include "reactor/callback.hpp"
#include "reactor/platform/poller.hpp"
#include "reactor/platform/probes.hpp"

struct addrinfo;
struct uv_work_s;

namespace reactor::inline v0::platform {

/// The seeds for hashes of addresses that peers choose.
using HashSeeds = std::array<std::uint64_t, 3>;

/// One of several messages that are sent or received in one call.
struct Message {
  msghdr header;
  unsigned length;  ///< For a received message: how many bytes it has.
};

/// A flag of send(): more data follows immediately. 0 where the kernel has no such flag.
extern const int more_follows;

/// When the status of a file last changed.
timespec change_time(const struct stat& file);

/// Binds this thread to the nth of the processors that it may use, and back to all of these. Returns
/// 0 or -errno; -EOPNOTSUPP where the system cannot.
int pin_thread(std::size_t nth);
void unpin_thread();

namespace kernel {

#ifdef MSG_NOSIGNAL
inline constexpr int no_signal = MSG_NOSIGNAL;
#else
inline constexpr int no_signal = 0;  // Each socket has SO_NOSIGPIPE instead.
#endif

// ---- Sockets, and the files of unix sockets

// Each returns what the call of the same name returns, or -errno, and does not retry, wait or
// interpret. New descriptors are close-on-exec and non-blocking; sends never raise SIGPIPE.
// Functions that POSIX does not have are in linux/ and portable/. Those that uvreactor-simulation
// calls are exported.

template <class T>
T or_error(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

int socket(int family, int type, int protocol);
int socketpair(int family, int type, int pair[2]);
[[gnu::visibility("default")]] int pipe(
    int pair[2]);  // What is written to the second end, which blocks, is read from the first.
int bind(int fd, const sockaddr* address, socklen_t size);
int listen(int fd, int backlog);
int accept(int fd, sockaddr* address, socklen_t* size);
int connect(int fd, const sockaddr* address, socklen_t size);
int shutdown(int fd, int how);
[[gnu::visibility("default")]] int close(int fd);

// These three are called for each message of a stream, and for each datagram.
[[gnu::visibility("default")]] ssize_t after_failed_recv(int fd, void* buffer, std::size_t size);
inline ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
  ssize_t received = ::recv(fd, buffer, size, flags);
  if (received < 0) received = after_failed_recv(fd, buffer, size);
  probe::read(fd, received);
  return received;
}
inline ssize_t send(int fd, const void* data, std::size_t size, int flags) {
  const ssize_t sent = or_error(::send(fd, data, size, flags | no_signal));
  probe::write(fd, sent);
  return sent;
}
inline ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const ssize_t sent = or_error(::sendmsg(fd, message, flags | no_signal));
  probe::write(fd, sent);
  return sent;
}
// Descriptors that arrive with the message are close-on-exec.
[[gnu::visibility("default")]] ssize_t recvmsg(int fd, msghdr* message, int flags);
// -EINVAL: the kernel cannot send this file by itself.
ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size);
int recvmmsg(int fd, Message* messages, unsigned count, int flags);
int sendmmsg(int fd, Message* messages, unsigned count, int flags);

[[gnu::visibility("default")]] int getsockopt(int fd, int level, int option, void* value,
                                              socklen_t* size);
int setsockopt(int fd, int level, int option, const void* value, socklen_t size);
int getsockname(int fd, sockaddr* address, socklen_t* size);
int getpeername(int fd, sockaddr* address, socklen_t* size);
// The process that connected this unix socket. -EOPNOTSUPP where the system does not keep it.
[[gnu::visibility("default")]] int peer_credentials(int fd, uid_t* user, gid_t* group,
                                                    pid_t* process);

[[gnu::visibility("default")]] int fcntl(int fd, int command, int argument);
// Bytes of a stream that the kernel has not sent, or that its peer has not acknowledged.
int unsent_bytes(int fd);
[[gnu::visibility("default")]] ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset);
[[gnu::visibility("default")]] int lstat(const char* path, struct stat* file);
[[gnu::visibility("default")]] int unlink(const char* path);

// ---- Readiness and time

std::unique_ptr<Poller> new_poller(uv_loop_s& native, const Poller::Embedding* embedding);
/// The steady clock, in nanoseconds.
inline std::int64_t steady_now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/// The wall clock, in nanoseconds since 1970.
inline std::int64_t wall_now() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

// ---- Names, threads, chance

/// Blocks. Returns 0 or an error of libuv's; free the list with uv_freeaddrinfo().
[[gnu::visibility("default")]] int getaddrinfo(const char* host, const char* service,
                                               const addrinfo* hints, addrinfo** list);
/// The name of the host that has this address.
int getnameinfo(const sockaddr* address, std::string* name);

/// Calls `run` on a thread of libuv's pool, and then `done` on the loop's, as uv_queue_work() does.
void queue_work(uv_loop_s* native, uv_work_s* work, void (*run)(uv_work_s*),
                void (*done)(uv_work_s*, int status));
/// If the work has not begun, `done` gets UV_ECANCELED.
void cancel_work(uv_work_s* work);

/// Calls `job` on one of a few threads that belong to no loop, and that no loop waits for. Returns
/// 0 or an errno.
int run_detached(Callback<void()> job);

/// Bytes that no peer can predict. Ends the process if the system has none.
void random_bytes(std::byte* bytes, std::size_t size);

/// The same for the whole life of the process, and unknown to peers.
const HashSeeds& hash_seeds();

}  // namespace kernel
}  // namespace reactor::platform
