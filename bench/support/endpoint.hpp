// The address of a server: `127.0.0.1:9000`, `[::1]:9000` or `unix:PATH`. Uses bare sockets, so the
// load generator shares no code with the measured library.
#pragma once

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace bench {

/// A socket address with its size.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);

  [[nodiscard]] sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* address() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] bool is_tcp() const { return family() != AF_UNIX; }
};

[[noreturn]] inline void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// Throws std::runtime_error for a text that names no endpoint.
inline Endpoint parse_endpoint(const std::string& text) {
  Endpoint endpoint;
  if (text.starts_with("unix:")) {
    auto& address = reinterpret_cast<sockaddr_un&>(endpoint.storage);
    const std::string path = text.substr(5);
    if (path.empty() || path.size() >= sizeof(address.sun_path)) {
      throw std::runtime_error(text + ": a unix socket path has 1 to 107 bytes");
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    endpoint.size = sizeof(sockaddr_un);
    return endpoint;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error(text + ": expected HOST:PORT");
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found);
  if (error != 0) throw std::runtime_error(text + ": " + gai_strerror(error));
  std::memcpy(&endpoint.storage, found->ai_addr, found->ai_addrlen);
  endpoint.size = found->ai_addrlen;
  freeaddrinfo(found);
  return endpoint;
}

inline std::string to_text(const Endpoint& endpoint) {
  if (endpoint.family() == AF_UNIX) {
    return std::string("unix:") + reinterpret_cast<const sockaddr_un&>(endpoint.storage).sun_path;
  }
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  getnameinfo(endpoint.address(), endpoint.size, host, sizeof(host), port, sizeof(port),
              NI_NUMERICHOST | NI_NUMERICSERV);
  const bool six = endpoint.family() == AF_INET6;
  std::string text = six ? "[" : "";
  text += host;
  text += six ? "]:" : ":";
  return text += port;
}

/// A bound, non-blocking socket of this type. A stream socket listens, with the longest backlog.
inline int listen_on(const Endpoint& endpoint, int type = SOCK_STREAM) {
  const int fd = socket(endpoint.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, endpoint.address(), endpoint.size) < 0) fail("bind " + to_text(endpoint));
  if (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0) fail("listen " + to_text(endpoint));
  return fd;
}

/// The actual address of a bound socket: for port 0, with the port that the kernel chose.
inline Endpoint local_endpoint(int fd) {
  Endpoint endpoint;
  if (getsockname(fd, endpoint.address(), &endpoint.size) < 0) fail("getsockname");
  return endpoint;
}

inline void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace bench
