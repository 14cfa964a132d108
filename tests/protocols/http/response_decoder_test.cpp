#include "protocols/http/response_decoder.hpp"

#include "support/any_split.hpp"
#include "support/http_transcript.hpp"

using protocols::as_bytes;
using protocols::http::ResponseDecoder;
using protocols::http::ResponseEvent;
using protocols::http::Responses;

namespace {

ResponseDecoder decoder_after(std::initializer_list<std::string_view> methods) {
  ResponseDecoder decoder;
  for (std::string_view method : methods) decoder.protocol().expect(method);
  return decoder;
}

// Decodes a whole stream: the peer closes after the last byte.
struct Closing {
  using Frame = ResponseEvent;
  void feed(protocols::Bytes bytes) { decoder.feed(bytes); }
  std::optional<Frame> next() { return decoder.next(); }
  void copy_tail() { decoder.copy_tail(); }
  std::error_code error() const { return decoder.error(); }
  bool at_boundary() const {
    ResponseDecoder ended = decoder;
    ended.finish();
    while (ended.next()) continue;
    return ended.at_boundary();
  }
  ResponseDecoder decoder;
};

}  // namespace

TEST_SUITE("http/response_decoder") {
  const ResponseDecoder fresh;

  static std::string error_of(const std::string& wire) {
    const std::string line = transcript(fresh, {wire}).line;
    check_any_split(fresh, wire, line);
    return line.substr(std::min(line.find("error: "), line.size()));
  }

  TEST_CASE("a response is reported as its head, its body and its end, wherever it is cut") {
    check_any_split(fresh, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                    "<200 OK 1.1 length|Content-Length: 5>hello</>");
    check_any_split(
        fresh, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT:\r\n\r\n",
        "<200 OK 1.1 chunked|Transfer-Encoding: chunked>hi</|T: >");
  }

  TEST_CASE("a reason is any text, or is missing with or without its space") {
    check_any_split(
        fresh, "HTTP/1.1 204 All: \xFFis  well\r\n\r\nHTTP/1.1 204 \r\n\r\nHTTP/1.1 204\r\n\r\n",
        "<204 All: \xFFis  well 1.1></><204  1.1></><204  1.1></>");
  }

  TEST_CASE("a body without another end is ended by the close of the peer") {
    const std::string wire = "HTTP/1.1 200 OK\r\n\r\nhello";
    check_any_split(fresh, wire, "<200 OK 1.1 close last>hellocut short");
    check_any_split(Closing{}, wire, "<200 OK 1.1 close last>hello");
    ResponseDecoder decoder;
    decoder.feed(as_bytes(wire));
    decoder.finish();
    CHECK(decoder.next()->kind == ResponseEvent::Kind::head);
    CHECK(decoder.next()->kind == ResponseEvent::Kind::body);
    CHECK(decoder.next()->kind == ResponseEvent::Kind::end);
    CHECK_FALSE(decoder.next());
    CHECK(decoder.at_boundary());
  }

  TEST_CASE("the end of the stream can also arrive when nothing is left to read") {
    ResponseDecoder decoder;
    decoder.feed(as_bytes("HTTP/1.1 200 OK\r\n\r\n"));
    CHECK(decoder.next());
    CHECK_FALSE(decoder.next());
    CHECK_FALSE(decoder.at_boundary());
    decoder.finish();
    CHECK(decoder.next()->kind == ResponseEvent::Kind::end);
    CHECK(decoder.at_boundary());
  }

  TEST_CASE("a stream that ends inside a counted or chunked body is truncated") {
    for (const char* framing : {"Content-Length: 5", "Transfer-Encoding: chunked"}) {
      const std::string wire = "HTTP/1.1 200 OK\r\n" + std::string(framing) + "\r\n\r\n5";
      ResponseDecoder decoder;
      decoder.feed(as_bytes(wire));
      decoder.finish();
      while (decoder.next()) continue;
      CHECK_FALSE(decoder.at_boundary());
    }
  }

  TEST_CASE("1xx, 204, 304 and responses to HEAD have no body, whatever they announce") {
    const std::string length = "Content-Length: 5\r\n\r\n";
    check_any_split(fresh, "HTTP/1.1 103 X\r\n" + length + "HTTP/1.1 304 X\r\n" + length,
                    "<103 X 1.1|Content-Length: 5></><304 X 1.1|Content-Length: 5></>");
    check_any_split(decoder_after({"HEAD", "GET"}),
                    "HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\n" + length + "HTTP/1.1 200 X\r\n" +
                        length + "hello",
                    "<100 X 1.1></><200 X 1.1|Content-Length: 5></>"
                    "<200 X 1.1 length|Content-Length: 5>hello</>");
  }

  TEST_CASE("bytes after 101, or after 2xx to CONNECT, are not HTTP") {
    check_any_split(fresh, "HTTP/1.1 101 X\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\nhi",
                    "<101 X 1.1 upgrade chat|Upgrade: chat|Connection: upgrade></>hi");
    check_any_split(decoder_after({"CONNECT"}), "HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhi",
                    "<200 X 1.1|Content-Length: 9></>hi");
    check_any_split(decoder_after({"CONNECT", "GET"}),
                    "HTTP/1.1 407 X\r\nContent-Length: 2\r\n\r\nno",
                    "<407 X 1.1 length|Content-Length: 2>no</>");
  }

  TEST_CASE("bytes after the last response are ignored") {
    check_any_split(fresh, "HTTP/1.1 204 X\r\nConnection: close\r\n\r\n\x01",
                    "<204 X 1.1 last|Connection: close></>");
    check_any_split(fresh, "HTTP/1.0 204 X\r\n\r\n\x01", "<204 X 1.0 last></>");
  }

  TEST_CASE("a body whose last coding is not chunked extends to the end of the stream") {
    check_any_split(fresh, "HTTP/1.1 200 X\r\nTransfer-Encoding: gzip\r\n\r\nhi",
                    "<200 X 1.1 close last|Transfer-Encoding: gzip>hicut short");
  }

  TEST_CASE("an error is reported at the first byte that makes it certain") {
    CHECK(error_of("HTTP/1.1X") == "error: bad-status at 8");
    CHECK(error_of("HTTX") == "error: bad-version at 3");
    CHECK(error_of("HTTP/2") == "error: unsupported-version at 5");
    CHECK(error_of("HTTP/1.1 099") == "error: bad-status at 9");
    CHECK(error_of("HTTP/1.1 20X") == "error: bad-status at 11");
    CHECK(error_of("HTTP/1.1 2000") == "error: bad-status at 12");
    CHECK(error_of("HTTP/1.1 200 a\x01") == "error: bad-status at 14");
    CHECK(error_of("HTTP/1.1 200\n") == "error: bad-status at 12");
    CHECK(error_of("HTTP/1.1 200 OK\n") == "error: bad-line-end at 15");
    CHECK(error_of("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") ==
          "error: ambiguous-framing at 46");
    CHECK(error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n") ==
          "error: unknown-transfer-coding at 52");
    CHECK(error_of("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n") ==
          "error: bad-content-length at 38");
  }

  TEST_CASE("the limit of the start line includes the reason") {
    const ResponseDecoder up_to_4(protocols::http::Limits{.max_start_line_bytes = 4});
    check_any_split(up_to_4, "HTTP/1.1 204 abc\r\n\r\n", "<204 abc 1.1></>");
    check_any_split(up_to_4, "HTTP/1.1 204 abcd\r\n\r\n", "error: start-line-too-long at 16");
  }

  TEST_CASE("a second Host in a response is ignored") {
    check_any_split(fresh, "HTTP/1.1 204 X\r\nHost: a\r\nHost: /\r\n\r\n",
                    "<204 X 1.1|Host: a|Host: /></>");
  }
}
