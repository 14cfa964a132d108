#include "reactor/networks.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <string>

namespace reactor::inline v0 {
namespace {

using Ip = std::array<std::byte, 16>;

Ip ip_of(const Address& address) {
  Ip ip{};
  if (address.family() == Family::ipv4) {
    std::memcpy(ip.data(), &reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr, 4);
  } else if (address.family() == Family::ipv6) {
    std::memcpy(ip.data(), &reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr, 16);
  }
  return ip;
}

unsigned bits_of(Family family) {
  if (family == Family::ipv4) return 32;
  return family == Family::ipv6 ? 128 : 0;
}

// Without the bits behind the prefix.
Ip masked(Ip ip, unsigned prefix_bits) {
  for (std::size_t i = 0; i < ip.size(); ++i) {
    const unsigned before = static_cast<unsigned>(8 * i);
    if (before >= prefix_bits) {
      ip[i] = std::byte{0};
    } else if (prefix_bits - before < 8) {
      ip[i] &= static_cast<std::byte>(0xFF00U >> (prefix_bits - before));
    }
  }
  return ip;
}

Failure refused_network(std::string_view text, std::string hint) {
  return Failure(Error{std::make_error_code(std::errc::invalid_argument), "parse network",
                       std::string(text), std::move(hint)});
}

}  // namespace

Result<void> Networks::add(std::string_view network) {
  if (network == "unix") {
    networks_.push_back({Family::unix_socket, 0, {}});
    return {};
  }
  const std::size_t slash = network.find('/');
  const std::string host(network.substr(0, slash));
  const bool is_ipv6 = host.find(':') != host.npos;
  const auto address = Address::parse(is_ipv6 ? "[" + host + "]:0" : host + ":0");
  if (!address || address->scope() != 0) {
    return refused_network(network,
                           "an address, such as 192.0.2.1, a network, such as 10.0.0.0/8, "
                           "or unix");
  }
  unsigned bits = bits_of(address->family());
  if (slash != network.npos) {
    const std::string_view digits = network.substr(slash + 1);
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc() || end != digits.data() + digits.size() || prefix > bits) {
      return refused_network(
          network, "behind the slash is a number of bits, at most " + std::to_string(bits));
    }
    bits = prefix;
  }
  const Ip ip = ip_of(*address);
  if (masked(ip, bits) != ip) {
    return refused_network(network, "the address has bits behind the prefix");
  }
  networks_.push_back({address->family(), bits, ip});
  return {};
}

bool Networks::contain(const Address& address) const {
  const Address plain = address.unmapped();
  const Ip ip = ip_of(plain);
  for (const Network& network : networks_) {
    if (network.family == plain.family() && masked(ip, network.prefix_bits) == network.ip) {
      return true;
    }
  }
  return false;
}

}  // namespace reactor
