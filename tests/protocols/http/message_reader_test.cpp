#include "protocols/http/message_reader.hpp"

#include "protocols/http/request_decoder.hpp"
#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/http_transcript.hpp"

using protocols::as_bytes;
using protocols::http::Limits;
using protocols::http::RequestDecoder;

TEST_SUITE("http/message_reader") {
  const RequestDecoder fresh;
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked_head = head + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string chunked_begin = "<POST / 1.1 chunked|Host: h|Transfer-Encoding: chunked>";

  static std::string chunked(const std::string& chunks) { return chunked_head + chunks; }

  // The outcome of a chunked body. An error includes its position in the body.
  static std::string outcome(const std::string& chunks, Limits limits = {}) {
    const std::string line = transcript(RequestDecoder(limits), {chunked(chunks)}).line;
    check_any_split(RequestDecoder(limits), chunked(chunks), line);
    REQUIRE(line.starts_with(chunked_begin));
    const std::size_t at = line.find(" at ");
    const std::string rest = line.substr(chunked_begin.size(), at - chunked_begin.size());
    if (at == line.npos) return rest;
    return rest + " at " + std::to_string(std::stoul(line.substr(at + 4)) - chunked_head.size());
  }

  TEST_CASE("a chunked body is delivered without its framing") {
    CHECK(outcome("5\r\nhello\r\n0\r\n\r\n") == "hello</>");
    CHECK(outcome("1\r\na\r\n00A\r\n0123456789\r\n00\r\n\r\n") == "a0123456789</>");
    CHECK(outcome("0\r\n\r\n") == "</>");
  }

  TEST_CASE("chunk extensions are ignored, but must be well formed") {
    CHECK(outcome("1;a\r\nx\r\n0 ;a = b\t;c=\"d;\\\"\xFF\";e\r\n\r\n") == "x</>");
  }

  TEST_CASE("trailers are reported at the end, and never as fields of the head") {
    CHECK(outcome("0\r\nHost: evil\r\nContent-Length: 9\r\n\r\n") ==
          "</|Host: evil|Content-Length: 9>");
    CHECK(outcome("0\r\na:b") == "cut short");
  }

  TEST_CASE("a chunk is refused at the first invalid byte") {
    CHECK(outcome("\r\n") == "error: bad-chunk at 0");
    CHECK(outcome("-1\r\n") == "error: bad-chunk at 0");
    CHECK(outcome("0x5\r\n") == "error: bad-chunk at 1");
    CHECK(outcome("5 \r\n") == "error: bad-chunk at 2");
    CHECK(outcome("5\n") == "error: bad-chunk at 1");
    CHECK(outcome("5\rX") == "error: bad-chunk at 2");
    CHECK(outcome("5;\r\n") == "error: bad-chunk at 2");
    CHECK(outcome("5;a=\"\r\n") == "error: bad-chunk at 5");
    CHECK(outcome("5;a=\x01\r\n") == "error: bad-chunk at 4");
    CHECK(outcome("5;a b\r\n") == "error: bad-chunk at 4");
    CHECK(outcome("1\r\nab") == "aerror: bad-chunk at 4");
    CHECK(outcome("1\r\na\rb") == "aerror: bad-chunk at 5");
    CHECK(outcome("0\r\n a: b\r\n") == "error: folded-line at 3");
    CHECK(outcome("0\r\na\r\n") == "error: bad-field-name at 4");
    CHECK(outcome("11111111111111111\r\n") == "error: body-too-large at 10");
  }

  TEST_CASE("the limits of a body are exact to the byte, however it is framed") {
    Limits limits;
    limits.max_body_bytes = 5;
    CHECK(outcome("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", limits) == "hello</>");
    CHECK(outcome("2\r\nhe\r\n4", limits) == "heerror: body-too-large at 7");
    const auto announced = [&](const std::string& length) {
      return transcript(RequestDecoder(limits), {head + "Content-Length: " + length + "\r\n\r\n"})
          .line;
    };
    CHECK(announced("5").ends_with(">cut short"));
    CHECK(announced("6") == "error: body-too-large at 46");
  }

  TEST_CASE("the limits of a chunk line and of the trailers are exact to the byte") {
    Limits limits;
    limits.max_chunk_line_bytes = 5;
    CHECK(outcome("000\r\n\r\n", limits) == "</>");
    CHECK(outcome("0000\r\n", limits) == "error: bad-chunk at 5");
    limits = {};
    limits.max_fields = 2;
    CHECK(outcome("0\r\na:\r\nb:\r\n\r\n", limits) == "</|a: |b: >");
    CHECK(outcome("0\r\na:\r\nb:\r\nc:\r\n", limits) == "error: fields-too-large at 14");
    limits = {};
    limits.max_head_bytes = chunked_head.size();
    const std::string longest = "a:" + std::string(chunked_head.size() - 6, 'x') + "\r\n\r\n";
    CHECK(outcome("0\r\n" + longest, limits).ends_with("x>"));
    CHECK(outcome("0\r\na" + longest, limits)
              .ends_with("fields-too-large at " + std::to_string(chunked_head.size() + 3)));
  }

  TEST_CASE("many small chunks are allowed, whatever the limit of a chunk line") {
    Limits limits;
    limits.max_chunk_line_bytes = 20;
    std::string chunks, body;
    for (int i = 0; i < 50; ++i) {
      chunks += "1;a=" + std::string(11, 'b') + "\r\nx\r\n";  // 17 bytes of line, one of data.
      body += "x";
    }
    CHECK(outcome(chunks + "0\r\n\r\n", limits) == body + "</>");
  }

  TEST_CASE("chunk lines that together exceed their limit are refused") {
    Limits limits;
    limits.max_chunk_line_bytes = 40;
    // 30 bytes of line. The allowance for a chunk is 16 bytes, plus one for each byte of data.
    const std::string extension = ";a=" + std::string(24, 'b') + "\r\n";
    const std::string chunk = "1" + extension + "x\r\n";
    CHECK(outcome(chunk + "0\r\n\r\n", limits) == "x</>");
    CHECK(outcome(chunk + chunk, limits) == "xerror: bad-chunk at 60");
    const std::string larger = "E" + extension + std::string(14, 'y') + "\r\n";
    const std::string larger_body(42, 'y');
    CHECK(outcome(larger + larger + larger + "0\r\n\r\n", limits) == larger_body + "</>");
    // The count starts again with the next message.
    const std::string whole = chunked(chunk + "0\r\n\r\n");
    check_any_split(RequestDecoder(limits), whole + whole,
                    chunked_begin + "x</>" + chunked_begin + "x</>");
  }

  TEST_CASE("memory grows with what has arrived, not with what was announced") {
    RequestDecoder decoder;
    const std::string announced = head + "Content-Length: 1099511627776\r\n\r\n";
    decoder.feed(as_bytes(announced));
    while (decoder.next()) continue;
    const std::string megabyte(1 << 20, 'x');
    const std::ptrdiff_t before = allocations::live_bytes();
    for (int i = 0; i < 100; ++i) {
      decoder.feed(as_bytes(megabyte));
      CHECK(decoder.next()->bytes.size() == megabyte.size());
      CHECK_FALSE(decoder.next());
    }
    CHECK(allocations::live_bytes() == before);
  }
}
