// An owned socket descriptor: the base of the listener, the stream and the datagram socket.
#pragma once

#include <sys/types.h>

#include <array>
#include <type_traits>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/result.hpp"
#include "reactor/socket_option.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// `raw` sends and receives what follows the IP header, mostly ICMP and ICMPv6.
enum class SocketType : unsigned char { stream, datagram, raw };

/// The process at the other end of a unix socket, at the time when it connected or listened.
struct PeerCredentials {
  uid_t user;
  gid_t group;
  pid_t process;  ///< 0 where it belongs to another process namespace.
};

/// Called before a Socket is bound, connected, or given an option or a group. Internal.
class SocketObserver {
 public:
  virtual void before_change() = 0;

 protected:
  ~SocketObserver() = default;
};

/// Owns a socket, non-blocking and closed in children.
///
///     auto socket = Socket::open(Family::ipv4, SocketType::datagram);
///     if (!socket) return Failure(socket.error());
///     if (auto set = socket->set(option::broadcast, true); !set) return Failure(set.error());
///
/// Lifetime  Closes the descriptor when destroyed, without waiting for unsent data. A Watcher of
///           fd() must be gone by then.
/// Thread    Any, one at a time.
class Socket {
 public:
  /// Owns nothing; fd() is -1.
  Socket() = default;

  /// `protocol` is an IPPROTO number; 0 chooses TCP, UDP or, for a raw socket, ICMP of the family.
  /// With `SocketType::datagram`, IPPROTO_ICMP and IPPROTO_ICMPV6 give a ping socket: it sends echo
  /// requests and receives the replies to them, without CAP_NET_RAW.
  ///
  /// Errors    too_many_files_open; address_family_not_supported: no IPv6 on this host;
  ///           operation_not_permitted: a raw socket, without CAP_NET_RAW; permission_denied: a
  ///           ping socket, and net.ipv4.ping_group_range names no group of this process.
  [[nodiscard]] static Result<Socket> open(Family family, SocketType type, int protocol = 0);

  /// Takes over `fd`, of any family, and makes it non-blocking and close-on-exec. When this fails,
  /// `fd` still belongs to the caller.
  ///
  /// Errors    bad_file_descriptor, not_a_socket.
  [[nodiscard]] static Result<Socket> adopt(int fd);

  /// Takes over `fd`, which is already non-blocking and close-on-exec.
  [[nodiscard]] static Socket own(int fd) noexcept { return Socket(fd); }

  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  [[nodiscard]] int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  /// Releases the descriptor to the caller; fd() is -1 from now on.
  [[nodiscard]] int release() {
    about_to_change();
    return std::exchange(fd_, -1);
  }

  /// Binds to `address`; with port 0 the kernel chooses a port, which local_address() returns. A
  /// unix socket file that a dead server left behind is replaced; that of a live server, or a file
  /// of another kind, never is. The file stays when the Socket is closed.
  ///
  /// Errors    address_in_use, permission_denied, address_not_available.
  [[nodiscard]] Result<void> bind(const Address& address);

  /// Starts to connect; returns true when that is already done. Otherwise wait for `writable`, then
  /// call take_error(). A datagram socket is connected immediately: it then sends to `peer` without
  /// an address, receives only from `peer`, and gets an error when `peer` refuses.
  [[nodiscard]] Result<bool> connect(const Address& peer);

  [[nodiscard]] Result<Address> local_address() const;

  /// Errors    not_connected
  [[nodiscard]] Result<Address> peer_address() const;

  /// The kernel knows them for certain: a peer cannot forge them.
  ///
  /// Errors    operation_not_supported: not a unix socket, or not on Linux; not_connected.
  [[nodiscard]] Result<PeerCredentials> peer_credentials() const;

  /// Returns the error that is pending on the socket and clears it; false when there is none.
  [[nodiscard]] Error take_error();

  /// Errors    no_protocol_option, operation_not_supported: not an option of this kind of socket;
  ///           invalid_argument: out of the kernel's range.
  template <class T>
  [[nodiscard]] Result<void> set(const SocketOption<T>& option, std::type_identity_t<T> value);
  template <class T>
  [[nodiscard]] Result<T> get(const SocketOption<T>& option) const;

  /// Receives what is sent to the multicast `group` on the interface of this index from now on; 0
  /// lets the routing table choose. Bind the socket to the port that the group uses.
  ///
  /// Errors    no_such_device: no such interface, or no route to choose one by; address_in_use:
  ///           joined already; no_buffer_space: more groups than the kernel allows.
  [[nodiscard]] Result<void> join(const Address& group, unsigned interface_index = 0);
  [[nodiscard]] Result<void> leave(const Address& group, unsigned interface_index = 0);

  /// The interface on which multicast leaves this host; 0 lets the routing table choose.
  [[nodiscard]] Result<void> set_multicast_interface(unsigned interface_index);

  /// Internal. The observer stays with this object when the descriptor is moved to another.
  void observe(SocketObserver* observer) { observer_ = observer; }

 private:
  void about_to_change() {
    if (observer_) observer_->before_change();
  }

  explicit Socket(int fd) : fd_(fd) {}
  friend Result<std::array<Socket, 2>> socket_pair(SocketType type);

  int fd_ = -1;
  SocketObserver* observer_ = nullptr;
};

/// Two unix sockets, each connected to the other.
[[nodiscard]] Result<std::array<Socket, 2>> socket_pair(SocketType type = SocketType::stream);

}  // namespace reactor
#pragma GCC visibility pop
