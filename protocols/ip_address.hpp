// IP addresses as text, without the system's functions. Internal.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

namespace protocols::inline v0 {

inline constexpr std::size_t ipv4_bytes = 4;
inline constexpr std::size_t ipv6_bytes = 16;

/// Four decimal numbers without leading zeros, written to the first four bytes. False if `text` is
/// no address.
[[nodiscard]] bool read_ipv4(std::string_view text, std::span<std::byte> ip);

/// Any form of RFC 4291 2.2, without a zone.
[[nodiscard]] bool read_ipv6(std::string_view text, std::span<std::byte, ipv6_bytes> ip);

void append_ipv4(std::string& text, std::span<const std::byte> ip);

/// In the form of RFC 5952; an address that is mapped from IPv4 ends in the IPv4 form.
void append_ipv6(std::string& text, std::span<const std::byte, ipv6_bytes> ip);

}  // namespace protocols
