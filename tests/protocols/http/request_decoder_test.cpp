#include "protocols/http/request_decoder.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/http_transcript.hpp"
#include "support/timeout_scale.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::DecodeError;
using protocols::http::Limits;
using protocols::http::RequestDecoder;
using protocols::http::RequestEvent;

TEST_SUITE("http/request_decoder") {
  const RequestDecoder fresh;

  static std::string get(const std::string& fields = "") {
    return "GET /a HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
  }
  static std::string post(const std::string& fields, const std::string& body) {
    return "POST /a HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
  }
  static std::string chunked(const std::string& body) {
    return post("Transfer-Encoding: chunked\r\n", body);
  }

  // The outcome of a request whose stream ends after `wire`.
  static std::string error_of(const std::string& wire, Limits limits = {}) {
    const std::string line = transcript(RequestDecoder(limits), {wire}).line;
    check_any_split(RequestDecoder(limits), wire, line);
    const std::size_t error = line.find("error: ");
    return error == line.npos ? line : line.substr(error + 7);
  }

  TEST_CASE("a request is reported as its head, its body and its end, wherever it is cut") {
    check_any_split(fresh, get(), "<GET /a 1.1|Host: h></>");
    check_any_split(fresh, post("Content-Length: 5\r\n", "hello"),
                    "<POST /a 1.1 length|Host: h|Content-Length: 5>hello</>");
    check_any_split(fresh, post("Content-Length: 0\r\n", ""),
                    "<POST /a 1.1 length|Host: h|Content-Length: 0></>");
    check_any_split(fresh, chunked("3\r\nhel\r\n2;a=\"b\\\"c\"\r\nlo\r\n0\r\nT: 1\r\n\r\n"),
                    "<POST /a 1.1 chunked|Host: h|Transfer-Encoding: chunked>hello</|T: 1>");
  }

  TEST_CASE(
      "pipelined requests are reported one after the other, and empty lines before them are "
      "ignored") {
    check_any_split(fresh,
                    "\r\n\r\n" + get() + "\r\n" + post("Content-Length: 2\r\n", "hi") + get(),
                    "<GET /a 1.1|Host: h></><POST /a 1.1 length|Host: h|Content-Length: 2>hi</>"
                    "<GET /a 1.1|Host: h></>");
  }

  TEST_CASE("values lose the blanks around them and keep those inside") {
    check_any_split(fresh, get("A:\t b \t c \t\r\nB:\r\nC: \t \r\n"),
                    "<GET /a 1.1|Host: h|A: b \t c|B: |C: ></>");
  }

  TEST_CASE("a request that ends early is incomplete in each of its parts") {
    const std::string wire = chunked("3\r\nhel\r\n0\r\nT: 1\r\n\r\n");
    for (std::size_t size = 1; size < wire.size(); ++size) {
      CHECK(transcript(fresh, {wire.substr(0, size)}).line.ends_with("cut short"));
    }
  }

  TEST_CASE("the last request of a connection is marked as such, and bytes after it are ignored") {
    check_any_split(fresh, get("Connection: x, Close\r\n") + "\x01 garbage",
                    "<GET /a 1.1 last|Host: h|Connection: x, Close></>");
    check_any_split(fresh, "GET / HTTP/1.0\r\n\r\n" + get(), "<GET / 1.0 last></>");
    check_any_split(fresh, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get(),
                    "<GET / 1.0|Connection: keep-alive></><GET /a 1.1|Host: h></>");
  }

  TEST_CASE("bytes after an upgrade or a CONNECT are delivered unchanged") {
    const std::string upgrade = "Connection: Upgrade\r\nUpgrade: chat\r\n";
    check_any_split(fresh, get(upgrade) + "\x01\r\nGET",
                    "<GET /a 1.1 upgrade chat|Host: h|Connection: Upgrade|Upgrade: chat></>"
                    "\x01\r\nGET");
    check_any_split(fresh, "CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcd",
                    "<CONNECT h:1 1.1|Host: h|Content-Length: 3></>abcd");
    // An Upgrade that Connection does not list is not for this server.
    check_any_split(fresh, get("Upgrade: chat\r\n") + get(),
                    "<GET /a 1.1|Host: h|Upgrade: chat></><GET /a 1.1|Host: h></>");
  }

  TEST_CASE("a server that declines the upgrade continues with HTTP") {
    RequestDecoder decoder;
    const std::string wire = get("Connection: upgrade\r\nUpgrade: chat\r\n") + get();
    decoder.feed(as_bytes(wire));
    CHECK(decoder.next()->head->upgrade == "chat");
    CHECK(decoder.next()->kind == RequestEvent::Kind::end);
    CHECK(decoder.protocol().tunnels());
    decoder.protocol().decline_upgrade();
    CHECK(decoder.next()->head->upgrade == "");
  }

  TEST_CASE("after a declined CONNECT no byte is read as a request") {
    RequestDecoder decoder;
    decoder.feed(
        as_bytes("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(decoder.next()->head->method == "CONNECT");
    CHECK(decoder.next()->kind == RequestEvent::Kind::end);
    decoder.protocol().decline_upgrade();
    CHECK_FALSE(decoder.next());
    CHECK(decoder.at_boundary());
  }

  TEST_CASE("a client that waits for 100 (Continue) is reported, unless it speaks HTTP/1.0") {
    RequestDecoder decoder;
    decoder.feed(
        as_bytes("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n"
                 "PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"));
    CHECK(decoder.next()->head->expects_continue);
    CHECK(decoder.next());
    CHECK_FALSE(decoder.next()->head->expects_continue);
  }

  TEST_CASE("an error is reported at the first byte that makes it certain") {
    CHECK(error_of("\x16\x03\x01") == "bad-method at 0");
    CHECK(error_of(" GET / HTTP/1.1\r\n") == "bad-method at 0");
    CHECK(error_of("GET /a b HTTP/1.1") == "bad-version at 7");
    CHECK(error_of("GET  / HTTP/1.1") == "bad-target at 4");
    CHECK(error_of("GET /\xE9 HTTP/1.1") == "bad-target at 5");
    CHECK(error_of("GET * HTTP/1.1") == "bad-target at 5");
    CHECK(error_of("GET / HTTP/2.0\r\n") == "unsupported-version at 11");
    CHECK(error_of("GET / HTTP/1.1\n") == "bad-version at 14");
    CHECK(error_of("GET / HTTP/1.1\rX") == "bad-version at 15");
    CHECK(error_of(get("A : b\r\n")) == "bad-field-name at 27");
    CHECK(error_of(get("A\r\n")) == "bad-field-name at 27");
    CHECK(error_of(get(": b\r\n")) == "bad-field-name at 26");
    CHECK(error_of(get(" A: b\r\n")) == "folded-line at 26");
    CHECK(error_of(get("A: b\n")) == "bad-line-end at 30");
    CHECK(error_of(get("A: b\rc\r\n")) == "bad-line-end at 31");
    CHECK(error_of(get(std::string("A: b\0c\r\n", 8))) == "bad-field-value at 30");
    CHECK(error_of("GET / HTTP/1.1\r\nHost: h\r\n\rX") == "bad-line-end at 26");
  }

  TEST_CASE("a request has exactly one valid Host") {
    CHECK(error_of("GET / HTTP/1.1\r\n\r\n") == "bad-host at 17");
    CHECK(error_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n") == "bad-host at 33");
    for (const char* host :
         {"a b", "a, b", "u@a", "a/b", "a:b", "[::1", "[]", ":80", "a%2", "a%zz"}) {
      CAPTURE(host);
      CHECK(error_of(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n")
                .starts_with("bad-host"));
    }
    for (const char* host : {"", "a", "a:", "a:80", "[::1]:80", "1.2.3.4", "a%2Fb", "a_b"}) {
      CAPTURE(host);
      CHECK(error_of(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n").ends_with("</>"));
    }
  }

  TEST_CASE("conflicting, repeated or invalid body lengths are refused") {
    const std::string framing = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    CHECK(error_of(post(framing, "")).starts_with("ambiguous-framing"));
    CHECK(error_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
              .starts_with("ambiguous-framing"));
    for (const char* length : {"5\r\nContent-Length: 5", "5, 5", "+5", "-5", "0x5", "5 5", "", "5a",
                               "18446744073709551616"}) {
      CAPTURE(length);
      CHECK(error_of(post(std::string("Content-Length: ") + length + "\r\n", ""))
                .starts_with("bad-content-length"));
    }
    for (const char* coding : {"gzip", "chunked, gzip", "chunked, chunked", "", "chunked,",
                               ", chunked", "chunked;a=b", "\"chunked\"", "identity"}) {
      CAPTURE(coding);
      CHECK(error_of(post(std::string("Transfer-Encoding: ") + coding + "\r\n", ""))
                .starts_with("bad-transfer-encoding"));
    }
    CHECK(error_of(post("Transfer-Encoding: gzip, chunked\r\n", ""))
              .starts_with("unknown-transfer-coding"));
  }

  TEST_CASE("limits are exact to the byte, and one byte more is refused when it arrives") {
    Limits limits;
    limits.max_start_line_bytes = 8;
    CHECK(error_of("GET /abc HTTP/1.1\r\nHost:\r\n\r\n", limits).ends_with("</>"));
    CHECK(error_of("GET /abcd", limits) == "start-line-too-long at 8");

    limits = {};
    limits.max_field_bytes = 7;
    CHECK(error_of(get("A: bcde\r\n"), limits).ends_with("</>"));
    CHECK(error_of(get("A: bcdef"), limits) == "fields-too-large at 33");
    CHECK(error_of(get("Abcdefgh"), limits) == "fields-too-large at 33");

    limits = {};
    limits.max_fields = 2;
    CHECK(error_of(get("A: b\r\n"), limits).ends_with("</>"));
    CHECK(error_of(get("A: b\r\nC: d\r\n"), limits) == "fields-too-large at 37");

    limits = {};
    limits.max_head_bytes = get().size();
    CHECK(error_of(get(), limits).ends_with("</>"));
    CHECK(error_of(get("A: b\r\n"), limits) == "fields-too-large at 28");
  }

  TEST_CASE("a complete request costs no allocation except for the list of its fields") {
    RequestDecoder decoder;
    const std::string wire = get("A: 1\r\nB: 2\r\n") + chunked("3\r\nabc\r\n0\r\nT: 1\r\n\r\n");
    decoder.feed(as_bytes(wire));
    while (decoder.next()) continue;
    const std::size_t before = allocations::count();
    decoder.feed(as_bytes(wire));
    const std::size_t events = count_frames(decoder);
    CHECK(allocations::count() == before);
    CHECK(events == 5);
  }

  TEST_CASE("a head that arrives in small pieces is read once") {
    Limits limits;
    limits.max_field_bytes = limits.max_head_bytes = 1 << 20;
    RequestDecoder decoder(limits);
    const std::string wire = get("A: " + std::string((1 << 20) - 100, 'x') + "\r\n");
    const std::clock_t began = std::clock();
    std::size_t events = 0;
    for (std::size_t i = 0; i < wire.size(); ++i) {
      decoder.feed(as_bytes(std::string_view(wire).substr(i, 1)));
      while (decoder.next()) ++events;
      if (i % 4096 == 0 && std::clock() - began > 10 * timeout_scale() * CLOCKS_PER_SEC) break;
    }
    CHECK(events == 2);
  }
}
