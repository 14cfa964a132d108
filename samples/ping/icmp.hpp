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

/// An echo reply. Nothing for another message, and for one that is incomplete or, with IPv4, has a
/// wrong checksum; the kernel checks that of IPv6.
///
/// Lifetime  Refers to `message`.
[[nodiscard]] std::optional<Echo> decode_reply(Version version, protocols::Bytes message);

/// What an IPv4 packet carries.
struct Packet {
  std::uint8_t ttl = 0;
  protocols::Bytes message;
};

/// Takes off the header of an IPv4 packet, with which a raw socket delivers each. Nothing for what
/// is no whole packet with ICMP in it.
[[nodiscard]] std::optional<Packet> decode_ipv4(protocols::Bytes packet);

}  // namespace icmp
