#include "protocols/http/collector.hpp"

#include "protocols/http/request_decoder.hpp"
#include "protocols/http/response_decoder.hpp"
#include "support/allocations.hpp"
#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/http_transcript.hpp"
#include "support/valgrind.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::http::Collector;
using protocols::http::RequestCollector;
using protocols::http::RequestDecoder;
using protocols::http::RequestHead;
using protocols::http::ResponseDecoder;
using protocols::http::ResponseHead;

namespace {

// Whole messages out of a stream, so that they can be compared in every cut.
template <class Decoder, class H>
struct Collecting {
  using Frame = std::string;

  void feed(protocols::Bytes bytes) { decoder.feed(bytes); }
  void copy_tail() { decoder.copy_tail(); }
  std::error_code error() const { return decoder.error(); }
  bool at_boundary() const { return decoder.at_boundary(); }

  std::optional<Frame> next() {
    while (const auto event = decoder.next()) {
      if (const auto* message = collector.add(*event)) {
        decoder.copy_tail();  // A collected message does not depend on the bytes that were fed.
        return text_of(message->head) + http_transcript::text_of(message->head.fields) + " " +
               std::string(as_text(message->body)) + http_transcript::text_of(message->trailers) +
               (message->head.upgrade.empty() ? "" : " " + std::string(message->head.upgrade));
      }
      if (event->kind == protocols::http::Event<H>::Kind::end) return "too large";
    }
    return std::nullopt;
  }

  static std::string text_of(const H& head) { return http_transcript::text_of(head); }

  Decoder decoder;
  Collector<H> collector{5};
};

}  // namespace

TEST_SUITE("http/collector") {
  const std::string chunked = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

  TEST_CASE("a message is one value, however it was framed and cut") {
    check_any_split(
        Collecting<RequestDecoder, RequestHead>{},
        chunked + "3\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n" + "GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
        "[POST /a|Host: h|Transfer-Encoding: chunked hello|T: 1][GET /b|Host: h ]");
    check_any_split(Collecting<ResponseDecoder, ResponseHead>{},
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
                    "HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n",
                    "[200 OK|Content-Length: 2 hi]"
                    "[101 Switch|Connection: upgrade|Upgrade: chat  chat]");
  }

  TEST_CASE(
      "a body over the limit is not kept, announced or not, and the next message is complete") {
    check_any_split(Collecting<RequestDecoder, RequestHead>{},
                    chunked + "3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n" + "POST /b HTTP/1.1\r\n" +
                        "Host: h\r\nContent-Length: 6\r\n\r\n123456" +
                        "GET /c HTTP/1.1\r\nHost: h\r\n\r\n",
                    "[too large][too large][GET /c|Host: h ]");
  }

  TEST_CASE("a body of exactly the limit is kept, announced or not") {
    check_any_split(Collecting<RequestDecoder, RequestHead>{},
                    chunked + "5\r\nhello\r\n0\r\n\r\n" +
                        "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345",
                    "[POST /a|Host: h|Transfer-Encoding: chunked hello]"
                    "[POST /b|Host: h|Content-Length: 5 12345]");
  }

  TEST_CASE("an announced body over the limit is detected at the head") {
    RequestDecoder decoder;
    RequestCollector collector(5);
    decoder.feed(as_bytes("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n"));
    const auto head = decoder.next();
    REQUIRE(head);
    CHECK(collector.add(*head) == nullptr);
    CHECK(collector.too_large());
  }

  TEST_CASE("the memory of a body is released when the body exceeds the limit") {
    if (below_valgrind()) {
      MESSAGE("skipped: below valgrind its allocator is in place of the one that counts");
      return;
    }
    using Kind = protocols::http::RequestEvent::Kind;
    RequestCollector collector(100'000);
    const RequestHead head;
    collector.add({Kind::head, {}, &head});
    const std::string piece(60'000, 'x');
    const std::ptrdiff_t before = allocations::live_bytes();
    collector.add({Kind::body, as_bytes(piece)});
    CHECK_FALSE(collector.too_large());
    CHECK(allocations::live_bytes() >= before + 60'000);
    collector.add({Kind::body, as_bytes(piece)});
    CHECK(collector.too_large());
    CHECK(allocations::live_bytes() == before);
  }

  TEST_CASE("a second message costs no allocation") {
    RequestDecoder decoder;
    RequestCollector collector;
    const std::string wire = chunked + "3\r\nhel\r\n0\r\nT: 1\r\n\r\n";
    std::size_t messages = 0;
    std::size_t before = 0;
    for (int round = 0; round < 3; ++round) {
      decoder.feed(as_bytes(wire));
      while (const auto event = decoder.next()) messages += collector.add(*event) != nullptr;
      if (round == 0) before = allocations::count();
    }
    CHECK(allocations::count() == before);
    CHECK(messages == 3);
  }
}
