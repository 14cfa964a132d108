#include "samples/ping/icmp.hpp"

#include <bit>

#include "protocols/integer.hpp"

namespace icmp {
namespace {

using protocols::Bytes;

constexpr std::size_t header_bytes = 8;

struct Types {
  std::uint8_t request;
  std::uint8_t reply;
};

constexpr Types types_of(Version version) {
  return version == Version::ipv4 ? Types{8, 0} : Types{128, 129};
}

std::uint64_t number_at(Bytes bytes, std::size_t offset, std::size_t width) {
  return protocols::read_integer(bytes.subspan(offset), width, std::endian::big);
}

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

// RFC 1071. Zero over a message with a correct checksum.
std::uint16_t checksum(Bytes bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += std::uint64_t{std::to_integer<std::uint8_t>(bytes[i])} << (i % 2 == 0 ? 8 : 0);
  }
  while (sum > 0xFFFF) sum = (sum >> 16) + (sum & 0xFFFF);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::string encode_request(Version version, const Echo& echo) {
  std::string message{static_cast<char>(types_of(version).request), '\0'};
  put16(message, 0);
  put16(message, echo.identifier);
  put16(message, echo.sequence);
  message += echo.data;
  if (version == Version::ipv4) {
    std::string sum;
    put16(sum, checksum(protocols::as_bytes(message)));
    message.replace(2, 2, sum);
  }
  return message;
}

std::optional<Echo> decode_reply(Version version, Bytes message) {
  if (message.size() < header_bytes) return {};
  const bool is_reply =
      number_at(message, 0, 1) == types_of(version).reply && number_at(message, 1, 1) == 0;
  if (!is_reply || (version == Version::ipv4 && checksum(message) != 0)) return {};
  return Echo{static_cast<std::uint16_t>(number_at(message, 4, 2)),
              static_cast<std::uint16_t>(number_at(message, 6, 2)),
              protocols::as_text(message.subspan(header_bytes))};
}

std::optional<Packet> decode_ipv4(Bytes packet) {
  constexpr std::size_t least_bytes = 20;
  constexpr std::uint64_t icmp_protocol = 1;
  if (packet.size() < least_bytes || number_at(packet, 0, 1) >> 4 != 4) return {};
  const std::size_t header = (number_at(packet, 0, 1) & 0xF) * 4;
  if (header < least_bytes || header > packet.size()) return {};
  if (number_at(packet, 9, 1) != icmp_protocol) return {};
  return Packet{static_cast<std::uint8_t>(number_at(packet, 8, 1)), packet.subspan(header)};
}

}  // namespace icmp
