#include "protocols/sntp.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <numeric>
#include <span>

#include "protocols/integer.hpp"

namespace protocols::inline v0 {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds from_1900_to_1970(2'208'988'800);
constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

std::uint32_t to_fraction(nanoseconds part) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(part.count()) << 32) /
                                    nanoseconds_per_second);
}

// Rounds to the nearest, so that a conversion there and back keeps nanoseconds.
nanoseconds from_fraction(std::uint32_t fraction) {
  const std::uint64_t half = std::uint64_t{1} << 31;
  return nanoseconds((fraction * nanoseconds_per_second + half) >> 32);
}

nanoseconds to_duration(std::int64_t ntp_units) {
  return seconds(ntp_units >> 32) + from_fraction(static_cast<std::uint32_t>(ntp_units));
}

// Differences wrap around like the timestamps.
std::int64_t operator-(NtpTime left, NtpTime right) {
  return static_cast<std::int64_t>(left.bits - right.bits);
}

}  // namespace

NtpTime NtpTime::from_unix(Unix time) {
  const auto whole = std::chrono::floor<seconds>(time);
  const auto since_1900 =
      static_cast<std::uint64_t>((whole.time_since_epoch() + from_1900_to_1970).count());
  return {since_1900 << 32 | to_fraction(time - whole)};
}

NtpTime::Unix NtpTime::to_unix() const {
  const std::uint64_t era = bits >> 63 ? 0 : 1;
  const auto since_1900 = static_cast<std::int64_t>(era << 32 | bits >> 32);
  return Unix(seconds(since_1900) - from_1900_to_1970 +
              from_fraction(static_cast<std::uint32_t>(bits)));
}

std::optional<SntpPacket> SntpPacket::decode(Bytes bytes) {
  if (bytes.size() < size) return {};
  const auto take = [&bytes](std::size_t width) {
    const std::uint64_t value = read_integer(bytes, width, std::endian::big);
    bytes = bytes.subspan(width);
    return value;
  };
  const std::uint64_t first = take(1);
  SntpPacket packet;
  packet.leap = static_cast<Leap>(first >> 6);
  packet.version = static_cast<std::uint8_t>(first >> 3 & 7);
  packet.mode = static_cast<NtpMode>(first & 7);
  packet.stratum = static_cast<std::uint8_t>(take(1));
  packet.poll = static_cast<std::int8_t>(take(1));
  packet.precision = static_cast<std::int8_t>(take(1));
  packet.root_delay = static_cast<std::int32_t>(take(4));
  packet.root_dispersion = static_cast<std::uint32_t>(take(4));
  for (char& letter : packet.reference_id) letter = static_cast<char>(take(1));
  for (NtpTime* time : {&packet.reference, &packet.origin, &packet.receive, &packet.transmit}) {
    time->bits = take(8);
  }
  return packet;
}

SntpPacket::Wire SntpPacket::encode() const {
  Wire wire;
  std::span<std::byte> rest(wire);
  const auto put = [&rest](std::uint64_t value, std::size_t width) {
    for (std::size_t i = width; i-- > 0; value >>= 8) rest[i] = static_cast<std::byte>(value);
    rest = rest.subspan(width);
  };
  put(static_cast<unsigned>(leap) << 6 | (version & 7U) << 3 | static_cast<unsigned>(mode), 1);
  put(stratum, 1);
  put(static_cast<std::uint8_t>(poll), 1);
  put(static_cast<std::uint8_t>(precision), 1);
  put(static_cast<std::uint32_t>(root_delay), 4);
  put(root_dispersion, 4);
  for (const char letter : reference_id) put(static_cast<unsigned char>(letter), 1);
  for (const NtpTime time : {reference, origin, receive, transmit}) put(time.bits, 8);
  return wire;
}

std::optional<SntpPacket> answer_sntp(Bytes request, const SntpClock& clock, NtpTime received) {
  const auto asked = SntpPacket::decode(request);
  if (!asked || asked->mode != NtpMode::client) return {};
  if (asked->version < 1 || asked->version > 4) return {};
  SntpPacket answer;
  answer.leap = clock.leap;
  answer.version = asked->version;
  answer.mode = NtpMode::server;
  answer.stratum = clock.stratum;
  answer.poll = asked->poll;
  answer.precision = clock.precision;
  answer.reference_id = clock.reference_id;
  answer.reference = received;  // An undisciplined clock is its own reference.
  answer.origin = asked->transmit;
  answer.receive = received;
  if (clock.stratum == 0 || clock.stratum > 15) {
    answer.leap = Leap::unsynchronised;
    answer.stratum = 0;
    answer.reference_id = {'I', 'N', 'I', 'T'};
    answer.reference = {};
  }
  return answer;
}

std::string_view sntp_answer_problem(const SntpPacket& answer, NtpTime transmit) {
  if (answer.mode != NtpMode::server) return "not a server's answer";
  if (answer.origin != transmit) return "not a response to this request";
  if (answer.version < 1 || answer.version > 4) return "of an unknown version";
  if (answer.stratum == 0) return "the server has no time to give";
  if (answer.stratum > 15 || answer.leap == Leap::unsynchronised) {
    return "the server's clock is not synchronised";
  }
  if (!answer.transmit) return "without a transmit timestamp";
  return {};
}

std::optional<std::string_view> kiss_code(const SntpPacket& answer) {
  if (answer.stratum != 0) return {};
  const std::string_view letters(answer.reference_id.data(), answer.reference_id.size());
  const std::string_view code = letters.substr(0, letters.find('\0'));
  const bool padded = letters.find_first_not_of('\0', code.size()) == letters.npos;
  const bool printable = std::all_of(code.begin(), code.end(),
                                     [](char letter) { return letter > ' ' && letter < 127; });
  return !code.empty() && padded && printable ? std::optional(code) : std::nullopt;
}

std::string_view kiss_code_meaning(std::string_view code) {
  struct Kiss {
    std::string_view code;
    std::string_view meaning;
  };
  // RFC 5905 figure 13.
  constexpr Kiss kisses[] = {
      {"ACST", "the association belongs to a unicast server"},
      {"AUTH", "the server could not be authenticated"},
      {"AUTO", "the Autokey sequence failed"},
      {"BCST", "the association belongs to a broadcast server"},
      {"CRYP", "cryptographic authentication or identification failed"},
      {"DENY", "the server denies access"},
      {"DROP", "the server lost its peer in symmetric mode"},
      {"INIT", "the server's clock has not been synchronized yet"},
      {"MCST", "the association belongs to a dynamically discovered server"},
      {"NKEY", "the server knows no such key"},
      {"RATE", "the server gets too many requests"},
      {"RMOT", "the association was altered from a remote host"},
      {"RSTR", "the server denies access by a local policy"},
      {"STEP", "the server's clock was set and has not been synchronized since"},
  };
  const auto* const found = std::find_if(std::begin(kisses), std::end(kisses),
                                         [&](const Kiss& kiss) { return kiss.code == code; });
  return found != std::end(kisses) ? found->meaning : std::string_view();
}

SntpSample sntp_sample(NtpTime sent, NtpTime server_received, NtpTime server_transmitted,
                       NtpTime received) {
  const std::int64_t there = server_received - sent;
  const std::int64_t back = server_transmitted - received;
  const auto delay = static_cast<std::int64_t>(static_cast<std::uint64_t>(there) -
                                               static_cast<std::uint64_t>(back));
  return {to_duration(std::midpoint(there, back)), to_duration(delay)};
}

}  // namespace protocols
