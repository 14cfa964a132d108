// SNTP, the Simple Network Time Protocol: RFC 5905 section 14, which replaced RFC 4330.
//
//      0       1       2       3
//     +--+---+-+-------+-------+---------+
//     |LI|VN|Mo|stratum| poll  |precision|   LI 2 bits, version 3 bits, mode 3 bits
//     +--+---+-+-------+-------+---------+
//     | root delay                       |   seconds in 16.16 fixed point
//     +----------------------------------+
//     | root dispersion                  |
//     +----------------------------------+
//     | reference identifier             |
//     +----------------------------------+
//     | reference timestamp           (8)|   seconds since 1900 in 32.32 fixed point
//     | origin timestamp              (8)|   what the request had in its transmit timestamp
//     | receive timestamp             (8)|
//     | transmit timestamp            (8)|
//     +----------------------------------+   48 bytes; extensions and a MAC may follow
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocols/bytes.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// A point in time as NTP writes it, in units of 2^-32 s. 0 means that it is unknown.
struct NtpTime {
  using Unix = std::chrono::sys_time<std::chrono::nanoseconds>;

  std::uint64_t bits = 0;

  /// For the years 1968 to 2104, in which from_unix(t).to_unix() is t.
  [[nodiscard]] static NtpTime from_unix(Unix time);

  /// The seconds wrap around after 136 years, in 2036: a first bit of 0 means a time after that
  /// (RFC 4330 section 3).
  [[nodiscard]] Unix to_unix() const;

  explicit operator bool() const { return bits != 0; }
  friend bool operator==(NtpTime, NtpTime) = default;
};

/// Whether the last minute of the day has a leap second.
enum class Leap : std::uint8_t { none, last_minute_has_61, last_minute_has_59, unsynchronised };

/// What the sender of a packet is.
enum class NtpMode : std::uint8_t {
  reserved,
  symmetric_active,
  symmetric_passive,
  client,
  server,
  broadcast,
  control,
  reserved_for_private_use,
};

/// The first 48 bytes, field by field.
struct SntpPacket {
  static constexpr std::size_t size = 48;
  using Wire = std::array<std::byte, size>;

  Leap leap = Leap::none;
  std::uint8_t version = 4;
  NtpMode mode = NtpMode::client;
  std::uint8_t stratum = 0;  ///< 1: has a clock; up to 15: uses a server above; 0: has no time.
  std::int8_t poll = 0;      ///< The base-2 logarithm of seconds; so is precision.
  std::int8_t precision = 0;
  std::int32_t root_delay = 0;         ///< In units of 2^-16 s.
  std::uint32_t root_dispersion = 0;   ///< In units of 2^-16 s.
  std::array<char, 4> reference_id{};  ///< ASCII at stratum 0 and 1, else an address or its hash.
  NtpTime reference;
  NtpTime origin;
  NtpTime receive;
  NtpTime transmit;

  /// Any 48 bytes are a packet; what follows them is ignored. Nothing for fewer.
  [[nodiscard]] static std::optional<SntpPacket> decode(Bytes bytes);
  [[nodiscard]] Wire encode() const;
};

/// What a server reports about its clock.
struct SntpClock {
  Leap leap = Leap::none;
  std::uint8_t stratum = 10;  ///< 16 and more mean that it is not synchronised.
  std::int8_t precision = -23;
  std::array<char, 4> reference_id = {127, 127, 1, 1};  ///< NTP's: an undisciplined clock.
};

/// The response to `request` without the transmit timestamp: set that last. Returns nothing unless
/// it is a request of a client of version 1 to 4. Only requests get a response, and never a longer
/// one, so that two servers never respond to each other and no attack is amplified.
[[nodiscard]] std::optional<SntpPacket> answer_sntp(Bytes request, const SntpClock& clock,
                                                    NtpTime received);

/// Why a response must not be used, in words; empty if it may. `transmit` is that of the request;
/// it must be unpredictable if strangers may send (RFC 4330 section 5, checks 3 to 8).
[[nodiscard]] std::string_view sntp_answer_problem(const SntpPacket& answer, NtpTime transmit);

/// The kiss code of a response of stratum 0, a Kiss-o'-Death (RFC 5905 section 7.4): up to four
/// letters, such as `RATE`, `DENY` and `RSTR`. Nothing for another response, and for a reference
/// identifier that is not printable ASCII, padded with zeros at its end.
///
/// Lifetime  Refers to `answer`.
[[nodiscard]] std::optional<std::string_view> kiss_code(const SntpPacket& answer);

/// The meaning of a kiss code, in words; empty for a code that RFC 5905 does not define.
[[nodiscard]] std::string_view kiss_code_meaning(std::string_view code);

/// What one exchange shows about the other clock.
struct SntpSample {
  std::chrono::nanoseconds offset{};  ///< By how much our clock has to be set forward.
  std::chrono::nanoseconds delay{};   ///< Of the way there and back, without the server's own time.
};

/// The four times of an exchange, in order. Correct also if 2036 is between them, and for clocks
/// that are up to 68 years apart (RFC 5905 section 8).
[[nodiscard]] SntpSample sntp_sample(NtpTime sent, NtpTime server_received,
                                     NtpTime server_transmitted, NtpTime received);

}  // namespace protocols
#pragma GCC visibility pop
