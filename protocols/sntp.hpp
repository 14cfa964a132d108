// SNTP, the Simple Network Time Protocol: RFC 5905 section 14, which took the place of RFC 4330.
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

namespace protocols {

/// A point in time as NTP writes it, in units of 2^-32 s. 0 means that it is unknown.
struct NtpTime {
  using Unix = std::chrono::sys_time<std::chrono::nanoseconds>;

  std::uint64_t bits = 0;

  /// Of the years 1968 to 2104, in which from_unix(t).to_unix() is t.
  [[nodiscard]] static NtpTime from_unix(Unix time);

  /// The seconds count 136 years and begin anew in 2036: a first bit of 0 tells of the time after
  /// that (RFC 4330 section 3).
  [[nodiscard]] Unix to_unix() const;

  explicit operator bool() const { return bits != 0; }
  friend bool operator==(NtpTime, NtpTime) = default;
};

enum class Leap : std::uint8_t { none, last_minute_has_61, last_minute_has_59, unsynchronised };

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
  std::uint8_t stratum = 0;  ///< 1 has a clock itself, up to 15 a server above; 0: no time to give.
  std::int8_t poll = 0;      ///< The base-2 logarithm of seconds; so is precision.
  std::int8_t precision = 0;
  std::int32_t root_delay = 0;         ///< In units of 2^-16 s.
  std::uint32_t root_dispersion = 0;   ///< In units of 2^-16 s.
  std::array<char, 4> reference_id{};  ///< ASCII at stratum 0 and 1, else an address or its hash.
  NtpTime reference;
  NtpTime origin;
  NtpTime receive;
  NtpTime transmit;

  /// Any 48 bytes are a packet; what follows them is not looked at. Nothing for fewer.
  [[nodiscard]] static std::optional<SntpPacket> decode(Bytes bytes);
  [[nodiscard]] Wire encode() const;
};

/// What a server says of its clock.
struct SntpClock {
  Leap leap = Leap::none;
  std::uint8_t stratum = 10;  ///< 16 and more say that it is not synchronised.
  std::int8_t precision = -23;
  std::array<char, 4> reference_id = {127, 127, 1, 1};  ///< What NTP calls an undisciplined clock.
};

/// The answer to `request`, all but the transmit timestamp: set that last of all. Nothing for what
/// is no request of a client of version 1 to 4: only requests are answered, and never by more
/// bytes than they have, so that no two servers talk in circles and nobody is amplified.
[[nodiscard]] std::optional<SntpPacket> answer_sntp(Bytes request, const SntpClock& clock,
                                                    NtpTime received);

/// Why an answer must not be used, in words; empty when it may. `transmit` is what the request had
/// there, and unpredictable if strangers may send (RFC 4330 section 5, checks 3 to 8).
[[nodiscard]] std::string_view sntp_answer_problem(const SntpPacket& answer, NtpTime transmit);

/// The kiss code of an answer of stratum 0, a Kiss-o'-Death (RFC 5905 section 7.4): up to four
/// letters, such as `RATE`, `DENY` and `RSTR`. Nothing for another answer, and for a reference
/// identifier that is not printable ASCII, padded with zeros at its end.
///
/// Lifetime  Refers to `answer`.
[[nodiscard]] std::optional<std::string_view> kiss_code(const SntpPacket& answer);

/// What a kiss code means, in words; empty for a code that RFC 5905 does not name.
[[nodiscard]] std::string_view kiss_code_meaning(std::string_view code);

/// What one exchange tells of the other clock.
struct SntpSample {
  std::chrono::nanoseconds offset{};  ///< What our clock has to be put forward by.
  std::chrono::nanoseconds delay{};   ///< There and back, without the server's own time.
};

/// The four times of an exchange, in order; right also when 2036 lies between them, and for clocks
/// that are up to 68 years apart (RFC 5905 section 8).
[[nodiscard]] SntpSample sntp_sample(NtpTime sent, NtpTime server_received,
                                     NtpTime server_transmitted, NtpTime received);

}  // namespace protocols
