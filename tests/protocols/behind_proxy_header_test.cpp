#include "protocols/behind_proxy_header.hpp"

#include "protocols/lines.hpp"
#include "support/any_split.hpp"
#include "support/proxy_header.hpp"

using protocols::BehindProxyHeader;
using protocols::LineDecoder;

static_assert(protocols::Decoder<BehindProxyHeader<LineDecoder>>);

TEST_SUITE("behind_proxy_header") {
  const std::string header = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";

  TEST_CASE("a stream without the header is refused, and nothing of it is decoded") {
    check_any_split(BehindProxyHeader<LineDecoder>(), "hello\n", "error: bad-signature");
    check_any_split(BehindProxyHeader<LineDecoder>(), "PROXY TCP4 1.2.3.4\r\nhello\n",
                    "error: bad-header");
    check_any_split(BehindProxyHeader<LineDecoder>(), header.substr(0, 20), "cut short");
  }

  TEST_CASE("what follows the header is decoded, wherever the stream is cut") {
    check_any_split(BehindProxyHeader<LineDecoder>(), header + "one\ntwo\r\n", "[one][two]");
    check_any_split(BehindProxyHeader<LineDecoder>(), header + "one\ntw", "[one]cut short");
    check_any_split(BehindProxyHeader<LineDecoder>(), header, "");
    check_any_split(BehindProxyHeader(LineDecoder({.max_line_bytes = 3})), header + "one\nthree\n",
                    "[one]error: too-large");
  }

  TEST_CASE("a peer that connects and sends nothing is at a boundary") {
    CHECK(BehindProxyHeader<LineDecoder>().at_boundary());
  }

  TEST_CASE("a peer that is no proxy sends the protocol at once, and its header is no header") {
    check_any_split(BehindProxyHeader(LineDecoder(), false), "one\n" + header,
                    "[one][" + header.substr(0, header.size() - 2) + "]");
  }

  TEST_CASE("the header is there when the first message is, and stays") {
    std::vector<std::byte> tlvs;
    REQUIRE(protocols::append_tlv(
        tlvs, {protocols::ProxyTlv::authority, protocols::as_bytes("example.org")}));
    protocols::ProxyHeader sent{.version = 2,
                                .family = protocols::ProxyHeader::Family::unix_stream,
                                .source = {.path = "/run/client"},
                                .tlvs = tlvs};
    std::vector<std::byte> wire;
    REQUIRE(protocols::append_proxy_header(wire, sent));
    const std::string text = std::string(protocols::as_text(wire)) + "hello\n";
    BehindProxyHeader<LineDecoder> decoder;
    for (char byte : text) {
      CHECK_FALSE(decoder.next());
      const std::byte bytes[] = {static_cast<std::byte>(byte)};
      decoder.feed(bytes);
      decoder.copy_tail();
    }
    REQUIRE(decoder.next());
    BehindProxyHeader<LineDecoder> moved = std::move(decoder);
    REQUIRE(moved.header());
    CHECK(describe(*moved.header()) == describe(sent));
    CHECK(describe(*moved.header()) == "v2 unix /run/client >  (2=example.org)");
  }
}
