// Drives a server over sockets: the fuzzer chooses what its peers send, and in which pieces.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "fuzz/fuzz.hpp"
#include "reactor/address.hpp"
#include "reactor/loop.hpp"

namespace fuzz {

/// Where a server listens: a name that no other process uses.
inline std::string endpoint(const std::string& name) {
  return "unix:@uvreactor-fuzz-" + name + "-" + std::to_string(getpid());
}

/// The other end of a connection. A client of a server that listens at such an endpoint.
class Peer {
 public:
  explicit Peer(const std::string& endpoint)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const auto address = reactor::Address::parse(endpoint);
    require(address && connect(fd_, address->data(), address->size()) == 0, "not connected");
  }
  /// Or a server whose client has connected.
  explicit Peer(int listening)
      : fd_(accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) {
    require(fd_ >= 0, "nobody has connected");
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { close(fd_); }

  /// All that a fuzzer sends fits into the kernel's buffers.
  void send(std::string_view bytes) {
    if (!bytes.empty()) (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void end() { (void)shutdown(fd_, SHUT_WR); }

  /// All that has come so far.
  const std::string& received() {
    std::array<char, 16384> bytes;
    while (!ended_) {
      const ssize_t size = recv(fd_, bytes.data(), bytes.size(), 0);
      if (size < 0) break;
      ended_ = size == 0;
      received_.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return received_;
  }

 private:
  int fd_;
  bool ended_ = false;
  std::string received_;
};

/// Serves what is there already. What a server writes is there after the iteration in which it
/// reads.
inline void run_iterations(reactor::Loop& loop, int count = 2) {
  for (int i = 0; i < count; ++i) loop.poll();
}

/// Serves until the condition holds, which takes few iterations.
template <class Condition>
void run_iterations_until(reactor::Loop& loop, Condition condition, const char* what) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return;
    loop.poll();
  }
  require(false, what);
}

}  // namespace fuzz
