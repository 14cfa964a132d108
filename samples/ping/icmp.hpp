// ICMP echo requests and replies: RFC 792 for IPv4, RFC 4443 for IPv6.
//
//      0       1       2       3
//     +-------+-------+---------------+
//     | type  | code  | checksum      |   request 8 and reply 0; for IPv6 128 and 129; code 0
//     +-------+-------+---------------+
//     | identifier    | sequence      |
//     +---------------+---------------+
//     | data, which the reply repeats …
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/bytes.hpp"

namespace icmp {

enum class Version { ipv4, ipv6 };

struct Echo {
  std::uint16_t identifier = 0;
  std::uint16_t sequence = 0;
  std::string_view data;
};

/// A request. For IPv6 the kernel fills in the checksum, since the addresses are part of it.
[[nodiscard]] std::string encode_request(Version version, const Echo& echo);

/// An echo reply. Empty for any other message, for an incomplete one and, with IPv4, for one with a
/// wrong checksum; the kernel checks that of IPv6.
///
/// Lifetime  Refers to `message`.
[[nodiscard]] std::optional<Echo> decode_reply(Version version, protocols::Bytes message);

/// The content of an IPv4 packet.
struct Packet {
  std::uint8_t ttl = 0;
  protocols::Bytes message;
};

/// Removes the header with which a raw socket delivers each IPv4 packet. Empty if `packet` is not a
/// whole packet with ICMP in it.
[[nodiscard]] std::optional<Packet> decode_ipv4(protocols::Bytes packet);

}  // namespace icmp
