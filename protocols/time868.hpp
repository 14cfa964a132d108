// The Time Protocol, RFC 868: the seconds since 1900 in four bytes, the highest first, as a whole
// datagram or as a whole connection.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocols/bytes.hpp"
#include "protocols/sntp.hpp"

namespace protocols::inline v0 {

/// The message of RFC 868: seconds since 1900, in network byte order.
using Time868 = std::array<std::byte, 4>;

/// For the years 1968 to 2104.
[[nodiscard]] inline Time868 encode_time868(std::chrono::sys_seconds time) {
  const std::uint64_t seconds = NtpTime::from_unix(time).bits >> 32;
  return {static_cast<std::byte>(seconds >> 24), static_cast<std::byte>(seconds >> 16),
          static_cast<std::byte>(seconds >> 8), static_cast<std::byte>(seconds)};
}

/// Returns nothing unless there are four bytes. A first bit of 0 means a time from 2036 on, when
/// the count wraps around, as in NTP.
[[nodiscard]] inline std::optional<std::chrono::sys_seconds> decode_time868(Bytes bytes) {
  if (bytes.size() != sizeof(Time868)) return {};
  std::uint64_t seconds = 0;
  for (const std::byte byte : bytes) seconds = seconds << 8 | std::to_integer<std::uint64_t>(byte);
  return std::chrono::floor<std::chrono::seconds>(NtpTime{seconds << 32}.to_unix());
}

}  // namespace protocols
