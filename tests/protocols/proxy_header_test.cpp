#include "protocols/proxy_header.hpp"

#include <vector>

#include "protocols/ip_address.hpp"
#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/proxy_header.hpp"

using protocols::append_checksum_tlv;
using protocols::append_proxy_header;
using protocols::append_tlv;
using protocols::ProxyHeader;
using protocols::ProxyHeaderDecoder;
using protocols::ProxyTlv;

TEST_SUITE("proxy_header") {
  static void check(std::string_view wire, std::string_view expected) {
    check_any_split(ProxyHeaderDecoder(), wire, expected, Frames::pieces);
  }

  static std::string block(int command, int family, std::size_t length, std::string_view rest) {
    std::string wire("\r\n\r\n\0\r\nQUIT\n", 12);
    wire += static_cast<char>(command);
    wire += static_cast<char>(family);
    wire += static_cast<char>(length >> 8);
    wire += static_cast<char>(length & 0xFF);
    return wire.append(rest);
  }

  static std::string block(int command, int family, std::string_view rest) {
    return block(command, family, rest.size(), rest);
  }

  // 192.168.0.1:56324 > 192.168.0.11:443
  const std::string tcp4("\xC0\xA8\0\x01\xC0\xA8\0\x0B\xDC\x04\x01\xBB", 12);
  const std::string shown = "tcp4 192.168.0.1:56324 > 192.168.0.11:443";

  static std::string tlv(unsigned char type, std::string_view value) {
    std::vector<std::byte> out;
    CHECK(append_tlv(out, {type, protocols::as_bytes(value)}));
    return std::string(protocols::as_text(out));
  }

  TEST_CASE("a stream that begins with anything else is refused at its first wrong byte") {
    check("GET / HTTP/1.1\r\n", "error: bad-signature at 0");
    check("\x16\x03\x01", "error: bad-signature at 0");
    check("proxy TCP4", "error: bad-signature at 0");
    check("PROXX", "error: bad-signature at 4");
    check("PROXY\tTCP4", "error: bad-signature at 5");
    check(" PROXY TCP4", "error: bad-signature at 0");
    check("\r\n\r\nGET", "error: bad-signature at 4");
    check(std::string_view("\r\n\r\n\0\r\nQUIT\r", 12), "error: bad-signature at 11");
    check("", "cut short");
    check("PROX", "cut short");
    check(std::string_view("\r\n\r\n\0\r\nQUIT\n", 12), "cut short");
  }

  TEST_CASE("a line has a protocol, two addresses and two ports") {
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\nGET /", "[v1 tcp4 1.2.3.4:80 > 5.6.7.8:443]GET /");
    check("PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n", "[v1 tcp6 2001:db8::1:0 > ::1:65535]");
    check("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
          "[v1 tcp4 255.255.255.255:65535 > 255.255.255.255:65535]");
    check("PROXY UNKNOWN\r\nabc", "[v1 unspecified]abc");
    check("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "[v1 unspecified]");
    check("PROXY UNKNOWN \xFF\x01 \r\nabc", "[v1 unspecified]abc");
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 443", "cut short");
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r", "cut short");
    check("PROXY UNKNOWN", "cut short");
  }

  TEST_CASE("a line with other fields is refused") {
    check("PROXY \r\n", "error: bad-header at 6");
    check("PROXY TCP5 ", "error: bad-header at 9");
    check("PROXY UDP4 ", "error: bad-header at 7");
    check("PROXY tcp4 ", "error: bad-header at 6");
    check("PROXY TCP44 ", "error: bad-header at 10");
    check("PROXY UNKNOWNS\r\n", "error: bad-header at 13");
    check("PROXY UNKNOWN\t\r\n", "error: bad-header at 13");
    check("PROXY TCP4  1.2.3.4 5.6.7.8 80 443\r\n", "error: bad-header at 11");
    check("PROXY TCP4\t1.2.3.4 5.6.7.8 80 443\r\n", "error: bad-header at 10");
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80\r\n", "error: bad-header at 29");
    check("PROXY TCP4 1.2.3.4\r\n", "error: bad-header at 18");
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 443 \r\n", "error: bad-header at 33");
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 443 9\r\n", "error: bad-header at 33");
    check("PROXY TCP4 1.2.3.4 5.6.7.8  80 443\r\n", "error: bad-header at 27");
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 \r\n", "error: bad-header at 30");
    check("PROXY TCP4\r\n", "error: bad-header at 10");
  }

  TEST_CASE("an address that is none of its family is refused") {
    for (std::string_view address :
         {"not-an-ip", "1.2.3", "1.2.3.256", "1.2.3.4.5", "01.2.3.4", "1.2.3.00", "1.2.3.",
          ".1.2.3", "1..2.3", "1.2.3.4/8", "+1.2.3.4", "-1.2.3.4", "0x1.2.3.4", "16909060", "::1",
          "1.2.3.999", "1.2.3.1000", "::ffff:1.2.3.4"}) {
      check("PROXY TCP4 " + std::string(address) + " 5.6.7.8 80 443\r\n",
            "error: bad-address at " + std::to_string(11 + address.size()));
      check("PROXY TCP4 5.6.7.8 " + std::string(address) + " 80 443\r\n",
            "error: bad-address at " + std::to_string(19 + address.size()));
    }
    for (std::string_view address :
         {"1.2.3.4", "fe80::1%eth0", "1::2::3", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
          ":1::2", "1::2:", "12345::", "g::", "[::1]", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
          "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:5", "::01.2.3.4", "1:", ":"}) {
      check("PROXY TCP6 " + std::string(address) + " ::1 80 443\r\n",
            "error: bad-address at " + std::to_string(11 + address.size()));
    }
  }

  TEST_CASE("a port that is no number from 0 to 65535 is refused") {
    for (std::string_view port : {"65536", "0080", "00", "+1", "-1", "0x50", "99999999999999999999",
                                  "http", "8o", "1.0", "655350"}) {
      check("PROXY TCP4 1.2.3.4 5.6.7.8 " + std::string(port) + " 443\r\n",
            "error: bad-port at " + std::to_string(27 + port.size()));
      check("PROXY TCP4 1.2.3.4 5.6.7.8 443 " + std::string(port) + "\r\n",
            "error: bad-port at " + std::to_string(31 + port.size()));
    }
  }

  TEST_CASE("a line ends in CR LF, within 107 bytes") {
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\n", "error: bad-line-end at 33");
    check("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\rG", "error: bad-line-end at 34");
    check("PROXY UNKNOWN\n", "error: bad-header at 13");
    check("PROXY UNKNOWN a\nb\r\n", "error: bad-line-end at 15");
    check("PROXY UNKNOWN a\rb\r\n", "error: bad-line-end at 16");
    const std::string longest = "PROXY UNKNOWN " + std::string(91, 'x');
    check(longest + "\r\nabc", "[v1 unspecified]abc");
    check(longest + "x\r\n", "error: too-large at 105");
    check(longest + " \r\n", "error: too-large at 105");
    check(longest + "\rx", "error: bad-line-end at 106");
    check("PROXY TCP4 " + std::string(200, '1'), "error: too-large at 105");
  }

  TEST_CASE("a block has the addresses of its family") {
    check(block(0x21, 0x11, tcp4) + "GET /", "[v2 " + shown + "]GET /");
    check(block(0x21, 0x12, tcp4), "[v2 udp4" + shown.substr(4) + "]");
    const std::string tcp6(
        "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"
        "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\0\x02\x01\0\x50\0\0",
        36);
    check(block(0x21, 0x21, tcp6), "[v2 tcp6 2001:db8::1:80 > ::ffff:192.0.2.1:0]");
    check(block(0x21, 0x22, tcp6), "[v2 udp6 2001:db8::1:80 > ::ffff:192.0.2.1:0]");
    std::string paths("/tmp/src", 8);
    paths.resize(108);
    paths += std::string_view("\0name\0x", 7);
    paths.resize(216);
    check(block(0x21, 0x31, paths), std::string_view("[v2 unix /tmp/src > \0name\0x]", 28));
    check(block(0x21, 0x32, std::string(216, 'p')),
          "[v2 unix-datagram " + std::string(108, 'p') + " > " + std::string(108, 'p') + "]");
    check(block(0x21, 0x31, std::string(216, '\0')), "[v2 unix  > ]");
    check(block(0x21, 0x11, tcp4).substr(0, 27), "cut short");
    check(block(0x21, 0x11, 0xFFFF, tcp4), "cut short");
  }

  TEST_CASE("the addresses of a local or unspecified connection are skipped") {
    check(block(0x20, 0x00, "") + "hi", "[v2 local unspecified]hi");
    check(block(0x20, 0x11, tcp4) + "hi", "[v2 local unspecified]hi");
    check(block(0x20, 0x55, "\1\1\1\1\1\1\1\1\1") + "hi", "[v2 local unspecified]hi");
    check(block(0x21, 0x00, "") + "hi", "[v2 unspecified]hi");
    check(block(0x21, 0x00, std::string(20, '\xAA')) + "hi", "[v2 unspecified]hi");
    check(block(0x21, 0x00, 5, "abc"), "cut short");
  }

  TEST_CASE("an unknown version, command or family is refused at its byte") {
    for (int version : {0x01, 0x11, 0x31, 0xF1}) {
      check(block(version, 0x11, tcp4), "error: unknown-version at 12");
    }
    for (int command : {0x22, 0x2F}) {
      check(block(command, 0x11, tcp4), "error: bad-command at 12");
    }
    for (int family : {0x01, 0x02, 0x10, 0x13, 0x1F, 0x20, 0x23, 0x30, 0x33, 0x41, 0xFF}) {
      check(block(0x21, family, tcp4), "error: bad-family at 13");
    }
  }

  TEST_CASE("a block that is shorter than its addresses is refused by its length") {
    check(block(0x21, 0x11, 11, tcp4), "error: bad-length at 15");
    check(block(0x21, 0x11, 0, tcp4), "error: bad-length at 15");
    check(block(0x21, 0x21, 35, ""), "error: bad-length at 15");
    check(block(0x21, 0x31, 215, ""), "error: bad-length at 15");
  }

  TEST_CASE("the facts behind the addresses are delivered in order") {
    check(block(0x21, 0x11, tcp4 + tlv(1, "h2") + tlv(2, "host") + tlv(0xE0, "") + tlv(4, "000")),
          "[v2 " + shown + " (1=h2) (2=host) (224=) (4=000)]");
    const std::string many = tlv(0xE1, std::string(1000, 'x')) + tlv(5, std::string(128, 'i'));
    check(block(0x21, 0x11, tcp4 + many) + "rest", "[v2 " + shown +
                                                       " (225=" + std::string(1000, 'x') +
                                                       ") (5=" + std::string(128, 'i') + ")]rest");
  }

  TEST_CASE("a fact that ends behind the block is refused as soon as that is certain") {
    check(block(0x21, 0x11, tcp4 + "\x04"), "error: bad-tlv at 15");
    check(block(0x21, 0x11, tcp4 + std::string("\x01\0", 2)), "error: bad-tlv at 15");
    check(block(0x21, 0x11, tcp4 + std::string("\x01\0\x05h2", 5)), "error: bad-tlv at 30");
    check(block(0x21, 0x11, tcp4 + tlv(1, "h2") + "\x04"), "error: bad-tlv at 30");
    check(block(0x21, 0x11,
                tcp4 + tlv(1, "h2") +
                    std::string("\x02\0\x09"
                                "ab",
                                5)),
          "error: bad-tlv at 35");
    check(block(0x21, 0x11, tcp4 + tlv(5, std::string(129, 'i'))), "error: bad-tlv at 30");
    check(block(0x21, 0x11, tcp4 + tlv(3, "abc")), "error: bad-tlv at 30");
  }

  TEST_CASE("a header whose checksum differs is refused at its last byte") {
    // The checksum was computed by another program.
    const std::string good = block(0x21, 0x11, tcp4 + tlv(1, "h2") + tlv(3, "v2:H"));
    check(good + "hi", "[v2 " + shown + " (1=h2) (3=v2:H)]hi");
    for (std::size_t flipped : {16U, 23U, 27U, 31U, 32U, 36U, 39U}) {
      std::string bad = good;
      bad[flipped] = static_cast<char>(bad[flipped] ^ 1);
      check(bad, "error: bad-checksum at 39");
    }
    check(block(0x21, 0x11, tcp4 + tlv(3, std::string(4, '\0'))), "error: bad-checksum at 34");
  }

  TEST_CASE("the facts about TLS are read, and refused if they are cut") {
    const std::string facts = std::string("\x07\0\0\0\0", 5) + tlv(0x21, "TLSv1.3") +
                              tlv(0x22, "client") + tlv(0x23, "AES");
    const auto ssl = protocols::read_proxy_ssl(protocols::as_bytes(facts));
    REQUIRE(ssl);
    CHECK(ssl->is_encrypted);
    CHECK(ssl->has_certificate);
    CHECK(ssl->is_verified);
    CHECK(ssl->version == "TLSv1.3");
    CHECK(ssl->common_name == "client");
    CHECK(ssl->cipher == "AES");
    const auto unverified = protocols::read_proxy_ssl(protocols::as_bytes({"\x03\0\0\0\x01", 5}));
    REQUIRE(unverified);
    CHECK_FALSE(unverified->is_verified);
    CHECK(unverified->has_certificate);
    const auto without = protocols::read_proxy_ssl(protocols::as_bytes({"\x01\0\0\0\0", 5}));
    REQUIRE(without);
    CHECK_FALSE(without->is_verified);
    for (std::size_t size = 0; size < facts.size(); ++size) {
      const bool is_whole = size == 5 || size == 15 || size == 24;
      CHECK(protocols::read_proxy_ssl(protocols::as_bytes(facts.substr(0, size))).has_value() ==
            is_whole);
    }
  }

  TEST_CASE("IPv6 addresses are written as RFC 5952 defines it") {
    const auto rewritten = [](std::string_view text) {
      std::array<std::byte, protocols::ipv6_bytes> ip;
      REQUIRE(protocols::read_ipv6(text, ip));
      std::string written;
      protocols::append_ipv6(written, ip);
      return written;
    };
    CHECK(rewritten("::") == "::");
    CHECK(rewritten("0:0:0:0:0:0:0:1") == "::1");
    CHECK(rewritten("1::") == "1::");
    CHECK(rewritten("2001:0DB8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");
    CHECK(rewritten("1:0:0:2:0:0:0:3") == "1:0:0:2::3");
    CHECK(rewritten("1:0:2:3:4:5:6:7") == "1:0:2:3:4:5:6:7");
    CHECK(rewritten("1:2:3:4:5:6::") == "1:2:3:4:5:6::");
    CHECK(rewritten("1:2:3:4:5:6:7::") == "1:2:3:4:5:6:7:0");
    CHECK(rewritten("::ffff:1.2.3.4") == "::ffff:1.2.3.4");
    CHECK(rewritten("::ffff:0:1") == "::ffff:0.0.0.1");
    CHECK(rewritten("64:ff9b::1.2.3.4") == "64:ff9b::102:304");
  }

  static ProxyHeader decoded(std::string_view wire) {
    ProxyHeaderDecoder decoder;
    decoder.feed(protocols::as_bytes(wire));
    const auto frame = decoder.next();
    REQUIRE(frame);
    return std::get<ProxyHeader>(*frame);
  }

  TEST_CASE("decoding restores what was encoded") {
    std::string unix_block("/a");
    unix_block.resize(216);
    for (const std::string& wire :
         {std::string("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n"),
          std::string("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), std::string("PROXY UNKNOWN\r\n"),
          block(0x21, 0x11, tcp4), block(0x21, 0x12, tcp4), block(0x20, 0x00, ""),
          block(0x21, 0x00, ""), block(0x21, 0x31, unix_block),
          block(0x21, 0x11, tcp4 + tlv(1, "h2") + tlv(3, "v2:H"))}) {
      std::vector<std::byte> out;
      CHECK(append_proxy_header(out, decoded(wire)));
      CHECK(protocols::as_text(out) == wire);
    }
  }

  TEST_CASE("the encoder computes the checksum behind other output") {
    std::vector<std::byte> tlvs;
    CHECK(append_tlv(tlvs, {ProxyTlv::alpn, protocols::as_bytes("h2")}));
    append_checksum_tlv(tlvs);
    ProxyHeader header = decoded(block(0x21, 0x11, tcp4));
    header.tlvs = tlvs;
    std::vector<std::byte> out(7);
    CHECK(append_proxy_header(out, header));
    CHECK(protocols::as_text(out).substr(7) ==
          block(0x21, 0x11, tcp4 + tlv(1, "h2") + tlv(3, "v2:H")));
  }

  TEST_CASE("a header that its version cannot express is refused, and nothing is written") {
    std::vector<std::byte> out;
    const auto check_refused = [&](const ProxyHeader& header) {
      CHECK_FALSE(append_proxy_header(out, header));
      CHECK(out.empty());
    };
    using Family = ProxyHeader::Family;
    check_refused({.version = 1, .command = ProxyHeader::Command::local});
    check_refused({.version = 1, .family = Family::udp4});
    check_refused({.version = 1, .family = Family::unix_stream});
    check_refused({.version = 3, .family = Family::tcp4});
    check_refused({.version = 2, .family = static_cast<Family>(9)});
    check_refused({.version = 2, .command = ProxyHeader::Command::local, .family = Family::tcp4});
    const std::string large = tlv(1, std::string(65535, 'x'));
    check_refused({.version = 2, .family = Family::tcp4, .tlvs = protocols::as_bytes(large)});
    const std::string long_path(109, 'p');
    check_refused({.version = 2, .family = Family::unix_stream, .source = {.path = long_path}});
    const std::string_view zero("a\0b", 3);
    check_refused({.version = 2, .family = Family::unix_stream, .source = {.path = zero}});
    std::vector<std::byte> tlvs;
    CHECK_FALSE(append_tlv(tlvs, {1, protocols::as_bytes(large)}));
    CHECK(tlvs.empty());
  }

  TEST_CASE("a whole header costs no allocation, and an announced block under 1 KiB") {
    check_whole_frames_cost_no_allocation(
        ProxyHeaderDecoder(), "PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\nGET / HTTP/1.1\r\n", 2);
    check_costs_under_1_kib(ProxyHeaderDecoder(), block(0x21, 0x11, 0xFFFF, tcp4));
  }

  TEST_CASE("many facts cost linear time") {
    std::string tlvs;
    for (int i = 0; i < 21'000; ++i) tlvs += tlv(0xE0, "");
    check_linear(ProxyHeaderDecoder(), block(0x21, 0x11, tcp4 + tlvs));
  }
}
