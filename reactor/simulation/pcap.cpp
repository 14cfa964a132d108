// Writes the packets of a trace as a capture file: libpcap's format with times in nanoseconds, and
// raw IP packets. IP, TCP, UDP and ICMP headers are made here; the simulation has none.
#include <algorithm>
#include <string>
#include <string_view>

#include "reactor/simulation/trace.hpp"

namespace reactor::inline v0::simulation {
namespace {

constexpr std::uint8_t icmp_number = 1;
constexpr std::uint8_t tcp_number = 6;
constexpr std::uint8_t udp_number = 17;
constexpr std::uint8_t icmpv6_number = 58;

void put_big(std::string& to, std::uint64_t value, int bytes) {
  while (bytes-- > 0) to += static_cast<char>(value >> (8 * bytes) & 0xff);
}

void put_little(std::string& to, std::uint64_t value, int bytes) {
  for (int byte = 0; byte < bytes; ++byte) to += static_cast<char>(value >> (8 * byte) & 0xff);
}

// RFC 1071.
std::uint16_t checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(byte << 8) : byte;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void set_checksum(std::string& bytes, std::size_t offset, std::uint16_t sum) {
  bytes[offset] = static_cast<char>(sum >> 8);
  bytes[offset + 1] = static_cast<char>(sum & 0xff);
}

std::string_view address_bytes(const Ip& ip, bool ipv4) {
  const auto* const bytes = reinterpret_cast<const char*>(ip.bytes.data());
  return ipv4 ? std::string_view(bytes + 12, 4) : std::string_view(bytes, 16);
}

// The checksum of TCP, UDP and ICMPv6 covers the addresses.
std::uint16_t checksum_with_addresses(const Packet& packet, bool ipv4, std::uint8_t protocol,
                                      std::string_view segment) {
  std::string covered;
  covered += address_bytes(packet.from.ip, ipv4);
  covered += address_bytes(packet.to.ip, ipv4);
  put_big(covered, segment.size(), 4);
  put_big(covered, protocol, 4);
  covered += segment;
  return checksum(covered);
}

std::string ip_packet(const Packet& packet, bool ipv4, std::uint8_t protocol,
                      std::string_view segment) {
  constexpr int hops = 64;
  std::string bytes;
  if (ipv4) {
    put_big(bytes, 0x4500, 2);  // Version 4, a header of five words.
    put_big(bytes, 20 + segment.size(), 2);
    put_big(bytes, 0x00004000, 4);  // Not to be fragmented.
    put_big(bytes, hops, 1);
    put_big(bytes, protocol, 1);
    put_big(bytes, 0, 2);
  } else {
    put_big(bytes, 0x60000000, 4);
    put_big(bytes, segment.size(), 2);
    put_big(bytes, protocol, 1);
    put_big(bytes, hops, 1);
  }
  bytes += address_bytes(packet.from.ip, ipv4);
  bytes += address_bytes(packet.to.ip, ipv4);
  if (ipv4) set_checksum(bytes, 10, checksum(bytes));
  bytes += segment;
  return bytes;
}

// RFC 9293 section 3.1. Sequence numbers begin at 0.
std::string tcp_segment(const Packet& packet, std::string_view data) {
  constexpr unsigned fin = 1;
  constexpr unsigned syn = 2;
  constexpr unsigned rst = 4;
  constexpr unsigned psh = 8;
  constexpr unsigned ack = 16;
  constexpr unsigned flags[] = {syn, syn | ack, ack, psh | ack, fin | ack, rst | ack, ack};
  const unsigned flag = flags[static_cast<std::size_t>(packet.kind)];
  std::string bytes;
  put_big(bytes, packet.from.port, 2);
  put_big(bytes, packet.to.port, 2);
  const std::uint64_t repeated = packet.kind == Packet::Kind::keep_alive ? 1 : 0;
  put_big(bytes, flag & syn ? 0 : packet.sequence + 1 - repeated, 4);
  put_big(bytes, flag & ack ? packet.acknowledged + 1 : 0, 4);
  put_big(bytes, 5 << 4, 1);  // A header of five words.
  put_big(bytes, flag, 1);
  put_big(bytes, 0xffff, 2);
  put_big(bytes, 0, 4);
  bytes += data;
  return bytes;
}

std::string udp_datagram(const Packet& packet, std::string_view data) {
  std::string bytes;
  put_big(bytes, packet.from.port, 2);
  put_big(bytes, packet.to.port, 2);
  put_big(bytes, 8 + data.size(), 2);
  put_big(bytes, 0, 2);
  bytes += data;
  return bytes;
}

std::string with_checksum(const Packet& packet, bool ipv4, std::uint8_t protocol,
                          std::string segment, std::size_t offset) {
  const std::uint16_t sum = checksum_with_addresses(packet, ipv4, protocol, segment);
  set_checksum(segment, offset, sum == 0 && protocol == udp_number ? 0xffff : sum);
  return segment;
}

// A port that is not in use: RFC 792, RFC 4443 section 3.1. It quotes the headers of the datagram.
std::string icmp_message(const Packet& packet, bool ipv4) {
  const Packet refused{Packet::Kind::datagram, packet.to, packet.from};
  std::string bytes;
  put_big(bytes, ipv4 ? 0x0303 : 0x0104, 2);
  put_big(bytes, 0, 6);
  bytes += ip_packet(refused, ipv4, udp_number,
                     with_checksum(refused, ipv4, udp_number, udp_datagram(refused, {}), 6));
  if (!ipv4) return with_checksum(packet, ipv4, icmpv6_number, bytes, 2);
  set_checksum(bytes, 2, checksum(bytes));
  return bytes;
}

std::string raw_packet(const Packet& packet) {
  const bool ipv4 = packet.from.ip.is_ipv4() && packet.to.ip.is_ipv4();
  std::string data = packet.bytes;
  data.resize(packet.size);
  switch (packet.kind) {
    case Packet::Kind::icmp:
      return ip_packet(packet, ipv4, ipv4 ? icmp_number : icmpv6_number,
                       icmp_message(packet, ipv4));
    case Packet::Kind::datagram:
      return ip_packet(packet, ipv4, udp_number,
                       with_checksum(packet, ipv4, udp_number, udp_datagram(packet, data), 6));
    default:
      return ip_packet(packet, ipv4, tcp_number,
                       with_checksum(packet, ipv4, tcp_number, tcp_segment(packet, data), 16));
  }
}

}  // namespace

std::string Trace::pcap() const {
  constexpr std::uint32_t nanoseconds_magic = 0xa1b23c4d;
  constexpr std::uint32_t most_bytes = 262'144;
  constexpr std::uint32_t raw_ip = 101;
  constexpr std::int64_t second = 1'000'000'000;
  constexpr std::int64_t began = 1'704'067'200;  // 1 January 2024, as the wall clocks.
  std::string file;
  put_little(file, nanoseconds_magic, 4);
  put_little(file, 2, 2);
  put_little(file, 4, 2);
  put_little(file, 0, 8);
  put_little(file, most_bytes, 4);
  put_little(file, raw_ip, 4);
  for (const Record& record : records_) {
    if (!record.note.empty() || record.lost) continue;
    const std::string bytes = raw_packet(record.packet);
    const std::int64_t time = record.when - Events::start;
    put_little(file, static_cast<std::uint64_t>(began + time / second), 4);
    put_little(file, static_cast<std::uint64_t>(time % second), 4);
    put_little(file, bytes.size(), 4);
    put_little(file, bytes.size(), 4);
    file += bytes;
  }
  return file;
}

}  // namespace reactor::simulation
