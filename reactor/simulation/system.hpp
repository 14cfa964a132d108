// The system calls of a simulated host. Internal.
#pragma once

#include <memory>
#include <string>

#include "reactor/platform/platform.hpp"
#include "reactor/simulation/descriptors.hpp"
#include "reactor/simulation/environment.hpp"
#include "reactor/simulation/jobs.hpp"
#include "reactor/simulation/poller.hpp"
#include "reactor/simulation/socket.hpp"
#include "reactor/simulation/stream_socket.hpp"
#include "reactor/simulation/udp.hpp"
#include "reactor/simulation/unix_socket.hpp"

namespace reactor::inline v0::simulation {

/// One for each host, and one for the code that runs outside of all hosts.
class System final : public platform::Platform {
 public:
  /// `host` is null outside of all hosts.
  System(Environment& world, Descriptors& descriptors, Computer* host)
      : world_(world), descriptors_(descriptors), host_(host) {}

  /// The poller that was made last.
  [[nodiscard]] const SimulatedPoller* last_poller() const { return last_poller_; }

  int socket(int family, int type, int protocol) override;
  int socketpair(int family, int type, int pair[2]) override;
  int pipe(int pair[2]) override;
  int bind(int fd, const sockaddr* address, socklen_t size) override;
  int listen(int fd, int backlog) override;
  int accept(int fd, sockaddr* address, socklen_t* size) override;
  int connect(int fd, const sockaddr* address, socklen_t size) override;
  int shutdown(int fd, int how) override;
  int close(int fd) override;
  ssize_t recv(int fd, void* buffer, std::size_t size, int flags) override;
  ssize_t send(int fd, const void* data, std::size_t size, int flags) override;
  ssize_t sendmsg(int fd, const msghdr* message, int flags) override;
  ssize_t recvmsg(int fd, msghdr* message, int flags) override;
  ssize_t sendfile(int to, int file, off_t* offset, std::size_t size) override;
  int recvmmsg(int fd, platform::Message* messages, unsigned count, int flags) override;
  int sendmmsg(int fd, platform::Message* messages, unsigned count, int flags) override;
  int getsockopt(int fd, int level, int option, void* value, socklen_t* size) override;
  int setsockopt(int fd, int level, int option, const void* value, socklen_t size) override;
  int getsockname(int fd, sockaddr* address, socklen_t* size) override;
  int getpeername(int fd, sockaddr* address, socklen_t* size) override;
  int peer_credentials(int fd, uid_t* user, gid_t* group, pid_t* process) override;
  int fcntl(int fd, int command, int argument) override;
  int unsent_bytes(int fd) override;
  int lstat(const char* path, struct stat* file) override;
  int unlink(const char* path) override;

  std::unique_ptr<Poller> new_poller(uv_loop_s& native,
                                     const Poller::Embedding* embedding) override;
  std::int64_t steady_now() override;
  std::int64_t wall_now() override;

  // clang-format off
  int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** to) override;
  // clang-format on
  int getnameinfo(const sockaddr* address, std::string* name) override;
  void queue_work(uv_loop_s* native, uv_work_s* work, void (*run)(uv_work_s*),
                  void (*done)(uv_work_s*, int status)) override;
  void cancel_work(uv_work_s* work) override;
  int run_detached(Callback<void()> job) override;
  void random_bytes(std::byte* bytes, std::size_t size) override;
  const platform::HashSeeds& hash_seeds() override;

 private:
  [[nodiscard]] StreamSocket* stream(int fd) const;
  [[nodiscard]] DatagramSocketState* datagram(int fd) const;
  [[nodiscard]] UnixSocket* unix_socket(int fd) const;
  /// Whose unix sockets have this path; null: no host's, or outside of all hosts those of several.
  [[nodiscard]] Computer* host_with(const std::string& path) const;
  [[nodiscard]] int open(Socket& socket);
  /// The error of a call that fails by chance, or 0.
  [[nodiscard]] int fault(Socket& socket);
  [[nodiscard]] std::size_t shortened(Socket& socket, std::size_t size);
  /// A read or a write may find the connection reset.
  void reset_by_chance(StreamSocket& socket);
  [[nodiscard]] ssize_t send_stream(StreamSocket& socket, const std::string& bytes,
                                    const UnixSocket::Passed& with);
  /// Reads which sockets travel with a message. Returns 0 or -errno.
  [[nodiscard]] int read_passed(const msghdr& message, UnixSocket::Passed& passed);
  void write_passed(const UnixSocket::Passed& passed, msghdr& message);

  Environment& world_;
  Descriptors& descriptors_;
  Computer* const host_;
  Jobs jobs_{world_, *this};
  const SimulatedPoller* last_poller_ = nullptr;
};

}  // namespace reactor::simulation
