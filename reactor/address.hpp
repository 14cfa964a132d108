// Socket addresses: IPv4, IPv6 and unix, to parse, print and compare.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// The kind of an address.
enum class Family : unsigned char { ipv4, ipv6, unix_socket };

/// A socket address. Plain data, copied freely.
///
///     auto address = Address::parse("[::1]:9000");
///     if (!address) return Failure(address.error());
class Address {
 public:
  /// IPv4, any interface, port 0: for a socket that may be bound to any address.
  Address();

  /// Reads `127.0.0.1:9000`, `[fe80::1%eth0]:9000`, `unix:/run/echo.sock` or, for Linux's abstract
  /// names, `unix:@echo`. Host names are for Lookup and resolve_now.
  ///
  /// Errors    invalid_argument with a hint that states the reason; filename_too_long: a unix
  ///           path of more than 107 bytes; no_such_device: no interface of that name.
  [[nodiscard]] static Result<Address> parse(std::string_view text);

  /// The address that the kernel wrote into a sockaddr of `size` bytes. An address of another
  /// family, or an empty one, becomes an unnamed unix address.
  [[nodiscard]] static Address from(const sockaddr* address, socklen_t size);

  [[nodiscard]] Family family() const;

  /// The numeric host without brackets or port, or the path of a unix socket (`@` before an
  /// abstract name).
  [[nodiscard]] std::string host() const;

  /// In host byte order; 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const;
  void set_port(std::uint16_t port);

  /// True for 127/8 and ::1, and for every unix socket.
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;

  /// True for 0.0.0.0 and ::, whatever the port, and for an unnamed unix socket.
  [[nodiscard]] bool is_unspecified() const;

  /// The index of the interface to which a link-local IPv6 address belongs; otherwise 0.
  [[nodiscard]] unsigned scope() const;

  /// The plain IPv4 address if this is an IPv4-mapped IPv6 one ("::ffff:1.2.3.4", as a dual-stack
  /// socket reports IPv4 peers), else the address itself. Compare peers by this.
  [[nodiscard]] Address unmapped() const;

  /// The network that is held responsible for a peer of this address, with port 0: its IPv4
  /// address, also of an IPv4-mapped IPv6 one; the first 64 bits of an IPv6 address, which is the
  /// least that a provider gives to one customer; an unnamed unix address for every unix socket.
  [[nodiscard]] Address network() const;

  /// The text that parse() reads back to the same address; `unix:` for an unnamed unix socket.
  [[nodiscard]] std::string to_string() const;

  /// For system calls. A call that writes an address gets data() and capacity(); pass the size that
  /// it reports to resize().
  [[nodiscard]] const sockaddr* data() const { return &any_; }
  [[nodiscard]] sockaddr* data() { return &any_; }
  [[nodiscard]] socklen_t size() const { return size_; }
  [[nodiscard]] static constexpr socklen_t capacity() { return sizeof(sockaddr_un); }
  void resize(socklen_t size);

  /// Equal host, port and, for IPv6, scope; or equal path.
  bool operator==(const Address& other) const;

 private:
  [[nodiscard]] std::string_view unix_path() const;

  union {
    sockaddr any_;
    sockaddr_in ipv4_;
    sockaddr_in6 ipv6_;
    sockaddr_un unix_;
  };
  socklen_t size_;

  friend struct std::hash<Address>;
};

}  // namespace reactor

template <>
struct std::hash<reactor::Address> {
  /// The seed differs in each process, so that no peer can choose addresses that collide.
  std::size_t operator()(const reactor::Address& address) const noexcept;
};
#pragma GCC visibility pop
