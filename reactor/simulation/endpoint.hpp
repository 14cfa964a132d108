// The addresses of simulated sockets. Internal.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace reactor::inline v0::simulation {

/// An IPv6 address, or an IPv4 one in the form ::ffff:a.b.c.d; all zero: any address.
struct Ip {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] bool is_any() const { return *this == Ip(); }
  [[nodiscard]] bool is_ipv4() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_broadcast() const;
  // clang-tidy 14 takes the zero of the generated comparison for a pointer.
  auto operator<=>(const Ip&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// Whether sockets bound to these can receive the same packets.
[[nodiscard]] inline bool overlap(const Ip& left, const Ip& right) {
  return left == right || left.is_any() || right.is_any();
}

struct Endpoint {
  Ip ip{};
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;  // NOLINT(modernize-use-nullptr): as Ip's.
};

/// Empty for an address of another family, or a truncated one.
[[nodiscard]] std::optional<Endpoint> endpoint_of(const sockaddr* address, socklen_t size);

/// Writes the address as a socket of this family sees it, as accept() does: at most `*size` bytes;
/// then `*size` is the whole size.
void write_address(const Endpoint& endpoint, int family, sockaddr* to, socklen_t* size);

[[nodiscard]] std::string to_string(const Ip& ip);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

}  // namespace reactor::simulation
