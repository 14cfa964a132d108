#include "samples/ping/icmp.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "samples/ping/statistics.hpp"

using icmp::Echo;
using icmp::Version;
using protocols::as_bytes;

namespace {

// The reply of a host to a request: another type, and the checksum that belongs to it.
std::string reply_to(std::string request, Version version) {
  request[0] = static_cast<char>(version == Version::ipv4 ? 0 : 129);
  if (version == Version::ipv6) return request;
  const unsigned high = static_cast<unsigned char>(request[2]);
  const unsigned low = static_cast<unsigned char>(request[3]);
  const unsigned sum = (high << 8 | low) + 0x0800;
  const unsigned folded = (sum & 0xFFFF) + (sum >> 16);
  request[2] = static_cast<char>(folded >> 8);
  request[3] = static_cast<char>(folded & 0xFF);
  return request;
}

std::string ipv4_packet(std::size_t header_bytes, const std::string& message, char protocol = 1) {
  std::string header(header_bytes, '\0');
  header[0] = static_cast<char>(0x40 | header_bytes / 4);
  header[8] = 57;
  header[9] = protocol;
  return header + message;
}

}  // namespace

TEST_SUITE("icmp") {
  TEST_CASE("a request has the format of RFC 792 and RFC 4443") {
    const Echo echo{0x1234, 0x0102, "abc"};
    CHECK(encode_request(Version::ipv4, echo) ==
          std::string("\x08\0\x20\x67\x12\x34\x01\x02", 8) + "abc");
    CHECK(encode_request(Version::ipv6, echo) ==
          std::string("\x80\0\0\0\x12\x34\x01\x02", 8) + "abc");
  }

  TEST_CASE("a reply has the identifier, the sequence number and the data of its request") {
    for (const Version version : {Version::ipv4, Version::ipv6}) {
      for (const std::string& data : {std::string(), std::string("a"), std::string(56, '\xFF')}) {
        const std::string reply =
            reply_to(encode_request(version, {0xFFFE, 0xFFFF, data}), version);
        const auto echo = decode_reply(version, as_bytes(reply));
        REQUIRE(echo);
        CHECK(echo->identifier == 0xFFFE);
        CHECK(echo->sequence == 0xFFFF);
        CHECK(echo->data == data);
      }
    }
  }

  TEST_CASE("a message that is incomplete, of another kind or damaged is no reply") {
    for (const Version version : {Version::ipv4, Version::ipv6}) {
      const std::string request = encode_request(version, {1, 2, "data"});
      CHECK_FALSE(decode_reply(version, as_bytes(request)));
      const std::string reply = reply_to(request, version);
      REQUIRE(decode_reply(version, as_bytes(reply)));
      for (std::size_t size = 0; size < 8; ++size) {
        CHECK_FALSE(decode_reply(version, as_bytes(reply.substr(0, size))));
      }
      std::string other_code = reply;
      other_code[1] = 1;
      CHECK_FALSE(decode_reply(version, as_bytes(other_code)));
    }
    const std::string reply =
        reply_to(encode_request(Version::ipv4, {1, 2, "data"}), Version::ipv4);
    for (std::size_t bit = 0; bit < reply.size() * 8; ++bit) {
      std::string damaged = reply;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
      CHECK_FALSE(decode_reply(Version::ipv4, as_bytes(damaged)));
    }
  }

  TEST_CASE("the header of an IPv4 packet is removed, whatever its length") {
    for (const std::size_t header : {20U, 24U, 60U}) {
      const std::string bytes = ipv4_packet(header, "message");
      const auto packet = icmp::decode_ipv4(as_bytes(bytes));
      REQUIRE(packet);
      CHECK(packet->ttl == 57);
      CHECK(protocols::as_text(packet->message) == "message");
    }
  }

  TEST_CASE("only a complete IPv4 packet with ICMP in it is decoded") {
    CHECK_FALSE(icmp::decode_ipv4(as_bytes(ipv4_packet(20, "message", 17))));
    CHECK_FALSE(icmp::decode_ipv4(as_bytes(ipv4_packet(60, "").substr(0, 59))));
    CHECK_FALSE(icmp::decode_ipv4(as_bytes(ipv4_packet(16, "message"))));
    CHECK_FALSE(icmp::decode_ipv4(as_bytes(std::string())));
    std::string other_version = ipv4_packet(20, "message");
    other_version[0] = 0x65;
    CHECK_FALSE(icmp::decode_ipv4(as_bytes(other_version)));
  }

  TEST_CASE("statistics have the format of ping programs") {
    using namespace std::chrono_literals;
    icmp::Statistics statistics;
    CHECK(statistics.describe(0s) ==
          "0 packets transmitted, 0 received, 0% packet loss, time 0ms\n");
    for (int i = 0; i < 6; ++i) statistics.sent();
    for (const auto time : {2ms, 4ms, 4ms, 6ms}) statistics.received(time);
    CHECK(statistics.describe(5006ms) ==
          "6 packets transmitted, 4 received, 33.3333% packet loss, time 5006ms\n"
          "rtt min/avg/max/mdev = 2.000/4.000/6.000/1.414 ms\n");
    statistics.duplicate();
    statistics.late();
    CHECK(statistics.describe(1s).starts_with(
        "6 packets transmitted, 4 received, +1 duplicates, +1 late, 33.3333% packet loss"));
  }
}
