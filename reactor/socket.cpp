#include "reactor/socket.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "reactor/platform/sys.hpp"
#include "reactor/shared_ports.hpp"

namespace reactor::inline v0 {
namespace {

int kernel_type(SocketType type) {
  switch (type) {
    case SocketType::stream:
      return SOCK_STREAM;
    case SocketType::raw:
      return SOCK_RAW;
    default:
      return SOCK_DGRAM;
  }
}

// A unix socket has no such protocol either; the kernel returns an error.
int icmp_of(Family family) {
  if (family == Family::ipv4) return IPPROTO_ICMP;
  return IPPROTO_ICMPV6;
}

Error not_opened(int number, SocketType type, int protocol) {
  Error error = system_error(number, "open socket");
  if (type == SocketType::raw && number == EPERM) error.hint = "a raw socket needs CAP_NET_RAW";
  if (type == SocketType::datagram && protocol != 0 && number == EACCES) {
    error.hint = "net.ipv4.ping_group_range names no group of this process";
  }
  return error;
}

int kernel_family(Family family) {
  switch (family) {
    case Family::ipv4:
      return AF_INET;
    case Family::ipv6:
      return AF_INET6;
    default:
      return AF_UNIX;
  }
}

Result<void> done_or_error(int result, std::string operation, std::string subject = {}) {
  if (result >= 0) return {};
  return Failure(system_error(-result, std::move(operation), std::move(subject)));
}

// The family as a number of the kernel, or -errno.
int family_of(int fd) {
  sockaddr_storage local;
  socklen_t size = sizeof local;
  const int result = sys::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
  return result < 0 ? result : local.ss_family;
}

struct LevelAndNumber {
  int level;
  int number;
};

template <class T>
LevelAndNumber for_family(const SocketOption<T>& option, int family) {
  if (family == AF_INET6) return {option.ipv6_level, option.ipv6_number};
  return {option.level, option.number};
}

// Converts option values of each type to what the kernel keeps, and back.
int to_kernel(bool value) { return value ? 1 : 0; }
int to_kernel(int value) { return value; }
template <class Period>
int to_kernel(std::chrono::duration<std::int64_t, Period> value) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  constexpr std::int64_t least = std::numeric_limits<int>::min();
  return static_cast<int>(std::clamp<std::int64_t>(value.count(), least, most));
}
::linger to_kernel(const Linger& value) { return {value ? 1 : 0, value ? to_kernel(*value) : 0}; }

void from_kernel(int kernel, bool& value) { value = kernel != 0; }
void from_kernel(int kernel, int& value) { value = kernel; }
template <class Period>
void from_kernel(int kernel, std::chrono::duration<std::int64_t, Period>& value) {
  value = std::chrono::duration<std::int64_t, Period>(kernel);
}
void from_kernel(::linger kernel, Linger& value) {
  value = kernel.l_onoff ? Linger(kernel.l_linger) : std::nullopt;
}

// True when no socket is bound to the socket file at `address`. Connects with a socket type that no
// server of this library has. The kernel looks for the owner before it compares types: a live
// server is found, also between bind and listen, and receives no connection.
bool is_abandoned(const Address& address) {
  const int probe = sys::socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (probe < 0) return false;
  const int result = sys::connect(probe, address.data(), address.size());
  sys::close(probe);
  return result == -ECONNREFUSED;
}

bool same_file(const struct stat& left, const struct stat& right) {
  const timespec left_changed = sys::change_time(left);
  const timespec right_changed = sys::change_time(right);
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino &&
         left_changed.tv_sec == right_changed.tv_sec &&
         left_changed.tv_nsec == right_changed.tv_nsec;
}

// Removes the socket file at `address` if its server is gone. Checks twice, so that a file which
// another starting server has put there meanwhile is left alone.
bool remove_stale_socket_file(const Address& address) {
  const std::string path = address.host();
  struct stat before {};
  struct stat after {};
  if (sys::lstat(path.c_str(), &before) < 0 || !S_ISSOCK(before.st_mode)) return false;
  if (!is_abandoned(address)) return false;
  if (sys::lstat(path.c_str(), &after) < 0 || !same_file(before, after)) return false;
  return sys::unlink(path.c_str()) == 0;
}

Error in_use(const Address& address) {
  Error error = system_error(EADDRINUSE, "bind", address.to_string());
  struct stat file {};
  if (address.family() == Family::unix_socket && sys::lstat(address.host().c_str(), &file) == 0 &&
      !S_ISSOCK(file.st_mode)) {
    error.hint = "a file that is not a socket has this name";
  }
  return error;
}

}  // namespace

Result<Socket> Socket::open(Family family, SocketType type, int protocol) {
  if (type == SocketType::raw && protocol == 0) protocol = icmp_of(family);
  const int fd = sys::socket(kernel_family(family), kernel_type(type), protocol);
  if (fd < 0) return Failure(not_opened(-fd, type, protocol));
  return Socket(fd);
}

Result<Socket> Socket::adopt(int fd) {
  const auto failed = [fd](int result) {
    return Failure(system_error(-result, "adopt socket", "descriptor " + std::to_string(fd)));
  };
  if (const int family = family_of(fd); family < 0) return failed(family);
  const int flags = sys::fcntl(fd, F_GETFL, 0);
  if (flags < 0) return failed(flags);
  if (const int set = sys::fcntl(fd, F_SETFL, flags | O_NONBLOCK); set < 0) return failed(set);
  if (const int set = sys::fcntl(fd, F_SETFD, FD_CLOEXEC); set < 0) return failed(set);
  return Socket(fd);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) sys::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Socket::~Socket() {
  if (fd_ >= 0) sys::close(fd_);
}

Result<void> Socket::bind(const Address& address) {
  about_to_change();
  int result = sys::bind(fd_, address.data(), address.size());
  if (result == -EADDRINUSE && address.family() == Family::unix_socket &&
      remove_stale_socket_file(address)) {
    result = sys::bind(fd_, address.data(), address.size());
  }
  if (result == -EADDRINUSE) return Failure(in_use(address));
  if (result == 0 && address.family() != Family::unix_socket) shared_ports::note(fd_);
  return done_or_error(result, "bind", address.to_string());
}

Result<bool> Socket::connect(const Address& peer) {
  about_to_change();
  const int result = sys::connect(fd_, peer.data(), peer.size());
  if (result == 0) return true;
  // An interrupted connect continues in the kernel.
  if (result == -EINPROGRESS || result == -EINTR) return false;
  return Failure(system_error(-result, "connect", peer.to_string()));
}

Result<Address> Socket::local_address() const {
  Address address;
  socklen_t size = Address::capacity();
  const int result = sys::getsockname(fd_, address.data(), &size);
  if (result < 0) return Failure(system_error(-result, "get local address"));
  address.resize(size);
  return address;
}

Result<Address> Socket::peer_address() const {
  Address address;
  socklen_t size = Address::capacity();
  const int result = sys::getpeername(fd_, address.data(), &size);
  if (result < 0) return Failure(system_error(-result, "get peer address"));
  address.resize(size);
  return address;
}

Result<PeerCredentials> Socket::peer_credentials() const {
  PeerCredentials peer{};
  int error = family_of(fd_);
  if (error >= 0 && error != AF_UNIX) error = -EOPNOTSUPP;
  if (error >= 0) error = sys::peer_credentials(fd_, &peer.user, &peer.group, &peer.process);
  if (error >= 0 && peer.user == static_cast<uid_t>(-1)) error = -ENOTCONN;
  if (error < 0) return Failure(system_error(-error, "get credentials of the peer"));
  return peer;
}

Error Socket::take_error() {
  int pending = 0;
  socklen_t size = sizeof pending;
  const int result = sys::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &pending, &size);
  if (result < 0) return system_error(-result, "get pending error");
  return pending == 0 ? Error{} : system_error(pending, "socket");
}

template <class T>
Result<void> Socket::set(const SocketOption<T>& option, std::type_identity_t<T> value) {
  about_to_change();
  int result = family_of(fd_);
  if (result >= 0) {
    const auto [level, number] = for_family(option, result);
    const auto kernel = to_kernel(value);
    result = sys::setsockopt(fd_, level, number, &kernel, sizeof kernel);
  }
  return done_or_error(result, "set option", option.name);
}

template <class T>
Result<T> Socket::get(const SocketOption<T>& option) const {
  int result = family_of(fd_);
  T value{};
  if (result >= 0) {
    const auto [level, number] = for_family(option, result);
    decltype(to_kernel(value)) kernel{};
    socklen_t size = sizeof kernel;
    result = sys::getsockopt(fd_, level, number, &kernel, &size);
    from_kernel(kernel, value);
  }
  if (result < 0) return Failure(system_error(-result, "get option", option.name));
  return value;
}

template Result<void> Socket::set(const SocketOption<bool>&, bool);
template Result<void> Socket::set(const SocketOption<int>&, int);
template Result<void> Socket::set(const SocketOption<std::chrono::seconds>&, std::chrono::seconds);
template Result<void> Socket::set(const SocketOption<std::chrono::milliseconds>&,
                                  std::chrono::milliseconds);
template Result<void> Socket::set(const SocketOption<Linger>&, Linger);
template Result<bool> Socket::get(const SocketOption<bool>&) const;
template Result<int> Socket::get(const SocketOption<int>&) const;
template Result<std::chrono::seconds> Socket::get(const SocketOption<std::chrono::seconds>&) const;
template Result<std::chrono::milliseconds> Socket::get(
    const SocketOption<std::chrono::milliseconds>&) const;
template Result<Linger> Socket::get(const SocketOption<Linger>&) const;

namespace {

int change_membership(int fd, int operation, const Address& group, unsigned interface_index) {
  group_req request{};
  request.gr_interface = interface_index != 0 ? interface_index : group.scope();
  std::memcpy(&request.gr_group, group.data(), group.size());
  const int level = group.family() == Family::ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  return sys::setsockopt(fd, level, operation, &request, sizeof request);
}

}  // namespace

Result<void> Socket::join(const Address& group, unsigned interface_index) {
  about_to_change();
  return done_or_error(change_membership(fd_, MCAST_JOIN_GROUP, group, interface_index),
                       "join multicast group", group.host());
}

Result<void> Socket::leave(const Address& group, unsigned interface_index) {
  about_to_change();
  return done_or_error(change_membership(fd_, MCAST_LEAVE_GROUP, group, interface_index),
                       "leave multicast group", group.host());
}

Result<void> Socket::set_multicast_interface(unsigned interface_index) {
  about_to_change();
  const std::string operation = "set multicast interface";
  const int family = family_of(fd_);
  if (family == AF_INET6) {
    return done_or_error(sys::setsockopt(fd_, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface_index,
                                         sizeof interface_index),
                         operation);
  }
  if (family < 0) return done_or_error(family, operation);
  ip_mreqn request{};
  request.imr_ifindex = static_cast<int>(interface_index);
  return done_or_error(sys::setsockopt(fd_, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request),
                       operation);
}

Result<std::array<Socket, 2>> socket_pair(SocketType type) {
  int pair[2];
  const int result = sys::socketpair(AF_UNIX, kernel_type(type), pair);
  if (result < 0) return Failure(system_error(-result, "open socket pair"));
  return std::array{Socket(pair[0]), Socket(pair[1])};
}

}  // namespace reactor
