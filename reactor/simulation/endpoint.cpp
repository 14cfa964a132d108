#include "reactor/simulation/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace reactor::inline v0::simulation {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Ip mapped(const in_addr& address) {
  Ip ip;
  std::copy(ipv4_prefix.begin(), ipv4_prefix.end(), ip.bytes.begin());
  std::memcpy(ip.bytes.data() + ipv4_prefix.size(), &address, sizeof address);
  return address.s_addr == 0 ? Ip() : ip;
}

}  // namespace

bool Ip::is_ipv4() const { return std::equal(ipv4_prefix.begin(), ipv4_prefix.end(), &bytes[0]); }

bool Ip::is_loopback() const {
  if (is_ipv4()) return bytes[12] == 127;
  Ip loopback;
  loopback.bytes[15] = 1;
  return *this == loopback;
}

bool Ip::is_multicast() const {
  return is_ipv4() ? bytes[12] >= 224 && bytes[12] < 240 : bytes[0] == 0xff;
}

bool Ip::is_broadcast() const { return is_ipv4() && bytes[15] == 255; }

std::optional<Endpoint> endpoint_of(const sockaddr* address, socklen_t size) {
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, address, sizeof ipv4);
    return Endpoint{mapped(ipv4.sin_addr), ntohs(ipv4.sin_port)};
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, address, sizeof ipv6);
    Endpoint endpoint{{}, ntohs(ipv6.sin6_port)};
    std::memcpy(endpoint.ip.bytes.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
    return endpoint;
  }
  return std::nullopt;
}

void write_address(const Endpoint& endpoint, int family, sockaddr* to, socklen_t* size) {
  sockaddr_storage address{};
  socklen_t whole = sizeof(sa_family_t);
  address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(endpoint.port);
    std::memcpy(&ipv4.sin_addr, &endpoint.ip.bytes[12], sizeof ipv4.sin_addr);
    std::memcpy(&address, &ipv4, whole = sizeof ipv4);
  } else if (family == AF_INET6) {
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(endpoint.port);
    std::memcpy(&ipv6.sin6_addr, endpoint.ip.bytes.data(), sizeof ipv6.sin6_addr);
    std::memcpy(&address, &ipv6, whole = sizeof ipv6);
  }
  std::memcpy(to, &address, std::min(*size, whole));
  *size = whole;
}

std::string to_string(const Ip& ip) {
  char text[INET6_ADDRSTRLEN] = {};
  if (ip.is_any()) return "*";
  if (ip.is_ipv4()) {
    inet_ntop(AF_INET, &ip.bytes[12], text, sizeof text);
  } else {
    inet_ntop(AF_INET6, ip.bytes.data(), text, sizeof text);
  }
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  const std::string host = to_string(endpoint.ip);
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port);
}

}  // namespace reactor::simulation
