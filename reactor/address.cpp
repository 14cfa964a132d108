#include "reactor/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr socklen_t unix_path_offset = offsetof(sockaddr_un, sun_path);

Failure refused(std::string_view text, std::string hint,
                std::errc code = std::errc::invalid_argument) {
  return Failure(
      Error{std::make_error_code(code), "parse address", std::string(text), std::move(hint)});
}

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The kernel uses a scope only for these addresses.
bool takes_scope(const in6_addr& host) {
  return IN6_IS_ADDR_LINKLOCAL(&host) || IN6_IS_ADDR_MC_LINKLOCAL(&host) ||
         IN6_IS_ADDR_MC_NODELOCAL(&host);
}

unsigned interface_index(const std::string& name) {
  if (const unsigned index = if_nametoindex(name.c_str())) return index;
  return whole_number<unsigned>(name).value_or(0);
}

std::string interface_name(unsigned index) {
  char name[IF_NAMESIZE];
  return if_indextoname(index, name) ? name : std::to_string(index);
}

Result<Address> parse_unix(std::string_view text) {
  const std::string_view path = text.substr(unix_prefix.size());
  const bool abstract = path.starts_with('@');
  if (path.size() == (abstract ? 1u : 0u)) return refused(text, "a path follows unix:");

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return refused(text, "a unix path has at most 107 bytes", std::errc::filename_too_long);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (abstract) address.sun_path[0] = '\0';
  // The size of a path includes its terminating NUL; the size of an abstract name ends with the
  // name.
  const std::size_t size = unix_path_offset + path.size() + (abstract ? 0 : 1);
  return Address::from(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

Result<Address> parse_ipv6(std::string_view text, std::string_view host, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);

  const std::size_t percent = std::min(host.find('%'), host.size());
  const std::string digits(host.substr(0, percent));
  if (inet_pton(AF_INET6, digits.c_str(), &address.sin6_addr) != 1) {
    return refused(text, "not an IPv6 address");
  }
  if (percent != host.size()) {
    if (!takes_scope(address.sin6_addr)) {
      return refused(text, "only a link-local address takes %INTERFACE");
    }
    const std::string name(host.substr(percent + 1));
    address.sin6_scope_id = interface_index(name);
    if (address.sin6_scope_id == 0) {
      return refused(text, "no interface is called \"" + name + "\"", std::errc::no_such_device);
    }
  }
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Result<Address> parse_ipv4(std::string_view text, std::string_view host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, std::string(host).c_str(), &address.sin_addr) != 1) {
    return refused(text, "not an IPv4 address");
  }
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

Address::Address() : unix_{}, size_(sizeof ipv4_) { ipv4_.sin_family = AF_INET; }

Result<Address> Address::parse(std::string_view text) {
  if (text.find('\0') != text.npos) {
    // Shown without the rest: a log line must not contain a NUL.
    return refused(text.substr(0, text.find('\0')), "an address holds no NUL byte");
  }
  if (text.starts_with(unix_prefix)) return parse_unix(text);

  const bool bracketed = text.starts_with('[');
  const std::size_t bracket = text.find(']');
  if (bracketed && bracket == text.npos) return refused(text, "a closing bracket is missing");
  if (!bracketed && std::count(text.begin(), text.end(), ':') > 1) {
    return refused(text, "an IPv6 address stands in brackets: [::1]:80");
  }
  const std::size_t colon = bracketed ? bracket + 1 : text.find(':');
  if (colon >= text.size()) return refused(text, "a port is missing: HOST:PORT");
  if (text[colon] != ':') return refused(text, "a colon and a port follow the bracket");

  const std::string_view port_text = text.substr(colon + 1);
  const auto port = whole_number<std::uint16_t>(port_text);
  if (!port) return refused(text, "a port is a number from 0 to 65535");

  return bracketed ? parse_ipv6(text, text.substr(1, bracket - 1), *port)
                   : parse_ipv4(text, text.substr(0, colon), *port);
}

Address Address::from(const sockaddr* address, socklen_t size) {
  Address result;
  size = std::min(size, capacity());
  if (size > 0) std::memcpy(result.data(), address, size);
  result.resize(size);
  return result;
}

void Address::resize(socklen_t size) {
  size_ = std::min(size, capacity());
  const bool has_family = size_ >= unix_path_offset;
  if (has_family && any_.sa_family == AF_INET && size_ >= sizeof ipv4_) return;
  if (has_family && any_.sa_family == AF_INET6 && size_ >= sizeof ipv6_) return;
  if (has_family && any_.sa_family == AF_UNIX) return;
  unix_.sun_family = AF_UNIX;
  size_ = unix_path_offset;
}

Family Address::family() const {
  switch (any_.sa_family) {
    case AF_INET:
      return Family::ipv4;
    case AF_INET6:
      return Family::ipv6;
    default:
      return Family::unix_socket;
  }
}

// In the kernel's form: an abstract name begins with NUL.
std::string_view Address::unix_path() const {
  const std::string_view path(unix_.sun_path, size_ - unix_path_offset);
  if (path.starts_with('\0')) return path;
  return path.substr(0, path.find('\0'));
}

std::string Address::host() const {
  if (family() == Family::unix_socket) {
    std::string path(unix_path());
    if (path.starts_with('\0')) path[0] = '@';
    return path;
  }
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == Family::ipv4) {
    inet_ntop(AF_INET, &ipv4_.sin_addr, text, sizeof text);
    return text;
  }
  inet_ntop(AF_INET6, &ipv6_.sin6_addr, text, sizeof text);
  return scope() == 0 ? text : text + ("%" + interface_name(scope()));
}

std::uint16_t Address::port() const {
  switch (family()) {
    case Family::ipv4:
      return ntohs(ipv4_.sin_port);
    case Family::ipv6:
      return ntohs(ipv6_.sin6_port);
    default:
      return 0;
  }
}

void Address::set_port(std::uint16_t port) {
  if (family() == Family::ipv4) ipv4_.sin_port = htons(port);
  if (family() == Family::ipv6) ipv6_.sin6_port = htons(port);
}

bool Address::is_loopback() const {
  const Address plain = unmapped();
  if (plain.family() == Family::ipv4) return ntohl(plain.ipv4_.sin_addr.s_addr) >> 24 == 127;
  return family() == Family::unix_socket || IN6_IS_ADDR_LOOPBACK(&ipv6_.sin6_addr);
}

bool Address::is_multicast() const {
  const Address plain = unmapped();
  if (plain.family() == Family::ipv4) return IN_MULTICAST(ntohl(plain.ipv4_.sin_addr.s_addr));
  return family() == Family::ipv6 && IN6_IS_ADDR_MULTICAST(&ipv6_.sin6_addr);
}

bool Address::is_unspecified() const {
  if (family() == Family::unix_socket) return unix_path().empty();
  if (family() == Family::ipv6) return IN6_IS_ADDR_UNSPECIFIED(&ipv6_.sin6_addr);
  return ipv4_.sin_addr.s_addr == INADDR_ANY;
}

unsigned Address::scope() const { return family() == Family::ipv6 ? ipv6_.sin6_scope_id : 0; }

Address Address::unmapped() const {
  if (family() != Family::ipv6 || !IN6_IS_ADDR_V4MAPPED(&ipv6_.sin6_addr)) return *this;
  Address plain;
  std::memcpy(&plain.ipv4_.sin_addr, &ipv6_.sin6_addr.s6_addr[12], sizeof plain.ipv4_.sin_addr);
  plain.ipv4_.sin_port = ipv6_.sin6_port;
  return plain;
}

Address Address::network() const {
  Address network;
  network.resize(0);
  if (family() == Family::unix_socket) return network;
  network = unmapped();
  network.set_port(0);
  if (network.family() != Family::ipv6) return network;
  std::memset(&network.ipv6_.sin6_addr.s6_addr[8], 0, 8);
  return network;
}

std::string Address::to_string() const {
  if (family() == Family::unix_socket) return std::string(unix_prefix) + host();
  const std::string port_text = ":" + std::to_string(port());
  return family() == Family::ipv4 ? host() + port_text : "[" + host() + "]" + port_text;
}

bool Address::operator==(const Address& other) const {
  if (family() != other.family()) return false;
  switch (family()) {
    case Family::ipv4:
      return ipv4_.sin_addr.s_addr == other.ipv4_.sin_addr.s_addr &&
             ipv4_.sin_port == other.ipv4_.sin_port;
    case Family::ipv6:
      return IN6_ARE_ADDR_EQUAL(&ipv6_.sin6_addr, &other.ipv6_.sin6_addr) &&
             ipv6_.sin6_port == other.ipv6_.sin6_port && scope() == other.scope();
    default:
      return unix_path() == other.unix_path();
  }
}

}  // namespace reactor

std::size_t std::hash<reactor::Address>::operator()(
    const reactor::Address& address) const noexcept {
  const auto& seeds = reactor::sys::hash_seeds();
  // Mixes the two halves of the product: low bits are weak after a multiplication, high bits are
  // not.
  const auto mix = [](std::uint64_t left, std::uint64_t right) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{left} * right;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  if (address.family() == reactor::Family::unix_socket) {
    return std::hash<std::string_view>{}(address.unix_path());
  }
  if (address.family() == reactor::Family::ipv4) {
    return mix(std::uint64_t{address.ipv4_.sin_addr.s_addr} << 16 | address.ipv4_.sin_port,
               seeds[0]);
  }
  std::uint64_t halves[2];
  std::memcpy(halves, &address.ipv6_.sin6_addr, sizeof halves);
  const std::uint64_t rest = std::uint64_t{address.scope()} << 16 | address.ipv6_.sin6_port;
  return mix(mix(halves[0] ^ seeds[0], halves[1] ^ seeds[1]) ^ rest, seeds[2]);
}
