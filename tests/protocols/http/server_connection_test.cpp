#include "protocols/http/server_connection.hpp"

#include "protocols/behind_proxy_header.hpp"
#include "protocols/http/collector.hpp"
#include "protocols/lines.hpp"
#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/http_server.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::http::FieldLines;
using protocols::http::Limits;
using protocols::http::RequestEvent;
using protocols::http::ServerConnection;

// Whether a member of an aggregate may be left out of its initializer.
template <class Member>
concept left_out = requires(void (&take)(Member)) { take({}); };
static_assert(left_out<protocols::http::ServerConnection>);
static_assert(left_out<protocols::http::Collector<protocols::http::RequestHead>>);
static_assert(left_out<protocols::BehindProxyHeader<protocols::LineDecoder>>);

TEST_SUITE("http/server_connection") {
  using Phase = ServerConnection::Phase;
  using Kind = RequestEvent::Kind;

  const std::string no_body = "Content-Length: 0|";
  const std::string hello = "{HTTP/1.1 200 OK|Content-Length: 5||hello}";
  const std::string last_hello = "{HTTP/1.1 200 OK|Connection: close|Content-Length: 5||hello}";

  static std::string get(const std::string& target, const std::string& fields = "",
                         const std::string& method = "GET") {
    return method + " " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
  }

  static void check_talk(const std::string& wire, const std::string& expected, Limits limits = {}) {
    check_any_split(HttpServer(limits), wire, expected, Frames::pieces);
  }

  static void feed(ServerConnection & http, const std::string& bytes) {
    http.feed(as_bytes(bytes));
    http.copy_tail();
  }

  // The only response to an unreadable request. Nothing is read or sent after it.
  static std::string refusal(int status, const std::string& reason) {
    const std::string text = std::to_string(status) + " " + reason;
    return "{HTTP/1.1 " + text + "|Content-Type: text/plain|Connection: close|Content-Length: " +
           std::to_string(text.size() + 1) + "||" + text + "|}";
  }

  TEST_CASE("pipelined requests get their responses one after the other, wherever they are cut") {
    check_talk(get("/a") + get("/b") + get("/c"), "<GET /a 1.1|Host: h></>" + hello +
                                                      "<GET /b 1.1|Host: h></>" + hello +
                                                      "<GET /c 1.1|Host: h></>" + hello);
  }

  TEST_CASE("the version and the fields of the client decide whether the connection persists") {
    const std::string close = "Connection: close\r\n";
    check_talk(get("/a", close) + get("/b"),
               "<GET /a 1.1 last|Host: h|Connection: close></>" + last_hello);
    check_talk("GET /a HTTP/1.0\r\n\r\n" + get("/b"), "<GET /a 1.0 last></>" + last_hello);
    check_talk("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/b"),
               "<GET /a 1.0|Connection: keep-alive></>"
               "{HTTP/1.1 200 OK|Connection: keep-alive|Content-Length: 5||hello}"
               "<GET /b 1.1|Host: h></>" +
                   hello);
  }

  TEST_CASE("a body of unknown length is chunked, or ended by the close for HTTP/1.0") {
    check_talk(get("/stream") + get("/a"),
               "<GET /stream 1.1|Host: h></>{HTTP/1.1 200 OK|Transfer-Encoding: chunked||"
               "3|one|3|two|0|T: 1||}<GET /a 1.1|Host: h></>" +
                   hello);
    check_talk("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
               "<GET /stream 1.0|Connection: keep-alive></>"
               "{HTTP/1.1 200 OK|Connection: close||onetwo}");
  }

  TEST_CASE("responses to HEAD, and responses 204 and 304, have no body") {
    check_talk(
        get("/a", "", "HEAD") + get("/stream", "", "HEAD") + get("/204") + get("/304") + get("/b"),
        "<HEAD /a 1.1|Host: h></>{HTTP/1.1 200 OK|Content-Length: 5||}"
        "<HEAD /stream 1.1|Host: h></>{HTTP/1.1 200 OK|Transfer-Encoding: chunked||}"
        "<GET /204 1.1|Host: h></>{HTTP/1.1 204 No Content|ETag: \"x\"||}"
        "<GET /304 1.1|Host: h></>{HTTP/1.1 304 Not Modified|ETag: \"x\"||}"
        "<GET /b 1.1|Host: h></>" +
            hello);
  }

  TEST_CASE("a waiting client gets 100 (Continue), but not after a response") {
    const std::string wait = "Expect: 100-continue\r\nContent-Length: 2\r\n";
    check_talk(get("/a", wait, "PUT") + "hi" + get("/b"),
               "<PUT /a 1.1 length|Host: h|Expect: 100-continue|Content-Length: 2>"
               "{HTTP/1.1 100 Continue||}hi</>" +
                   hello + "<GET /b 1.1|Host: h></>" + hello);
    // The client may send its body or not, so the start of the next request is unknown.
    check_talk(get("/early", wait, "PUT") + get("/b"),
               "<PUT /early 1.1 length|Host: h|Expect: 100-continue|Content-Length: 2>"
               "{HTTP/1.1 403 Forbidden|Connection: close|Content-Length: 2||no}");
    check_talk(get("/a", "Expect: 100-continue\r\n"),
               "<GET /a 1.1|Host: h|Expect: 100-continue></>" + hello);
  }

  TEST_CASE(
      "after an early response a short counted body is skipped, any other ends the connection") {
    const std::string early = "{HTTP/1.1 403 Forbidden|Content-Length: 2||no}";
    const std::string last_early =
        "{HTTP/1.1 403 Forbidden|Connection: close|Content-Length: 2||no}";
    check_talk(get("/early", "Content-Length: 3\r\n", "PUT") + "abc" + get("/a"),
               "<PUT /early 1.1 length|Host: h|Content-Length: 3>" + early +
                   "<GET /a 1.1|Host: h></>" + hello);
    check_talk(get("/early") + get("/a"),
               "<GET /early 1.1|Host: h>" + early + "<GET /a 1.1|Host: h></>" + hello);
    check_talk(get("/early", "Content-Length: 70000\r\n", "PUT"),
               "<PUT /early 1.1 length|Host: h|Content-Length: 70000>" + last_early);
    check_talk(get("/early", "Transfer-Encoding: chunked\r\n", "PUT") + "0\r\n\r\n" + get("/a"),
               "<PUT /early 1.1 chunked|Host: h|Transfer-Encoding: chunked>" + last_early);
  }

  TEST_CASE("a response may be sent while the body of the request arrives") {
    check_talk(get("/echo", "Content-Length: 2\r\n", "PUT") + "hi",
               "<PUT /echo 1.1 length|Host: h|Content-Length: 2>hi</>"
               "{HTTP/1.1 200 OK|Content-Length: 2||hi}");
    ServerConnection http;
    std::vector<std::byte> out;
    feed(http, get("/echo", "Content-Length: 4\r\n", "PUT") + "ab");
    CHECK(http.next(out)->kind == Kind::head);
    CHECK(http.begin_response(out, 200, {}, 4));
    http.write_body(out, http.next(out)->bytes);
    CHECK(as_text(out).ends_with("Content-Length: 4\r\n\r\nab"));
    CHECK_FALSE(http.next(out));
    CHECK(http.phase() == Phase::body);
    feed(http, "cd");
    http.write_body(out, http.next(out)->bytes);
    CHECK(http.next(out)->kind == Kind::end);
    CHECK(http.phase() == Phase::answer);
    CHECK(http.end_response(out));
    CHECK(http.phase() == Phase::idle);
    CHECK(as_text(out) == "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd");
  }

  TEST_CASE(
      "an unreadable request gets one response after the earlier ones, and ends the connection") {
    const std::string bad = refusal(400, "Bad Request");
    check_talk("GET / HTTP/1.1\r\n\r\n" + get("/a"), bad);
    check_talk(get("/a") + "\x16\x03\x01" + get("/b"), "<GET /a 1.1|Host: h></>" + hello + bad);
    check_talk(get("/a", "", "HEAD") + "\x16",  // The HEAD request no longer applies.
               "<HEAD /a 1.1|Host: h></>{HTTP/1.1 200 OK|Content-Length: 5||}" + bad);
    check_talk("GET / HTTP/2.0\r\n\r\n", refusal(505, "HTTP Version Not Supported"));
    check_talk(get("/", "Transfer-Encoding: gzip, chunked\r\n"), refusal(501, "Not Implemented"));
    Limits limits;
    limits.max_start_line_bytes = 10;
    check_talk("GET /3456789", refusal(414, "URI Too Long"), limits);
    limits = {};
    limits.max_fields = 1;
    check_talk(get("/", "A: b\r\n"), refusal(431, "Request Header Fields Too Large"), limits);
    limits = {};
    limits.max_body_bytes = 3;
    check_talk(get("/", "Content-Length: 4\r\n"), refusal(413, "Content Too Large"), limits);
    check_talk(get("/", "Transfer-Encoding: chunked\r\n", "PUT") + "4\r\n",
               "<PUT / 1.1 chunked|Host: h|Transfer-Encoding: chunked>" +
                   refusal(413, "Content Too Large"),
               limits);
  }

  TEST_CASE("a malformed body after a response gets no second response") {
    check_talk(get("/early", "Transfer-Encoding: chunked\r\n", "PUT") + "x\r\n",
               "<PUT /early 1.1 chunked|Host: h|Transfer-Encoding: chunked>"
               "{HTTP/1.1 403 Forbidden|Connection: close|Content-Length: 2||no}");
    ServerConnection http;
    std::vector<std::byte> out;
    feed(http, get("/", "Transfer-Encoding: chunked\r\n", "PUT") + "1\r\naX");
    CHECK(http.next(out)->kind == Kind::head);
    CHECK(http.begin_response(out, 200));
    CHECK(http.next(out)->kind == Kind::body);
    const std::size_t sent = out.size();
    CHECK_FALSE(http.next(out));
    CHECK(http.should_close());
    CHECK(http.error());
    CHECK(out.size() == sent);
  }

  TEST_CASE(
      "a field that cannot be sent makes the response a 500, and nothing of the field is sent") {
    check_talk(get("/bad") + get("/a"),
               "<GET /bad 1.1|Host: h></>{HTTP/1.1 500 Internal Server Error|Content-Length: 0||}"
               "<GET /a 1.1|Host: h></>" +
                   hello);
    for (const char* name : {"Content-Length", "transfer-encoding", "Connection"}) {
      ServerConnection http;
      std::vector<std::byte> out;
      feed(http, get("/"));
      CHECK(http.next(out));
      CHECK_FALSE(http.begin_response(out, 200, {{name, "3"}}, 7));
      http.write_body(out, as_bytes("ignored"));
      CHECK_FALSE(http.end_response(out));
      CHECK(as_text(out) == "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    }
  }

  TEST_CASE("an accepted upgrade hands over the bytes after it, a declined one does not") {
    const std::string upgrade = "Connection: Upgrade\r\nUpgrade: chat\r\n";
    const std::string head = " 1.1 upgrade chat|Host: h|Connection: Upgrade|Upgrade: chat></>";
    check_talk(get("/upgrade", upgrade) + "\x01GET /",
               "<GET /upgrade" + head +
                   "{HTTP/1.1 101 Switching Protocols|Upgrade: chat|Connection: upgrade||}"
                   "\x01GET /");
    check_talk(get("/a", upgrade) + get("/b"),
               "<GET /a" + head + hello + "<GET /b 1.1|Host: h></>" + hello);
    check_talk("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n" + get("/b"),
               "<CONNECT h:1 1.1|Host: h></>" + last_hello);
  }

  TEST_CASE("an accepted CONNECT is a tunnel") {
    ServerConnection http;
    std::vector<std::byte> out;
    feed(http, "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\nraw");
    CHECK(http.next(out));
    CHECK(http.next(out)->kind == Kind::end);
    CHECK(http.switch_protocol(out, {}));
    CHECK(as_text(out) == "HTTP/1.1 200 OK\r\n\r\n");
    const auto event = http.next(out);
    CHECK(event->kind == Kind::tunnel);
    CHECK(as_text(event->bytes) == "raw");
    CHECK_FALSE(http.should_close());
  }

  TEST_CASE("the next request is kept until the previous response is complete") {
    ServerConnection http;
    std::vector<std::byte> out;
    {
      const std::string wire = get("/a") + get("/b");
      http.feed(as_bytes(wire));
      CHECK(http.next(out)->head->target == "/a");
      CHECK(http.next(out)->kind == Kind::end);
      CHECK_FALSE(http.next(out));
      CHECK(http.phase() == Phase::answer);
    }
    http.finish();
    CHECK(http.respond(out, 200));
    CHECK(http.next(out)->head->target == "/b");
    CHECK(http.next(out)->kind == Kind::end);
    CHECK(http.respond(out, 200));
    CHECK_FALSE(http.should_close());
    CHECK_FALSE(http.next(out));
    CHECK(http.should_close());
  }

  TEST_CASE("a client that closes inside a request ends the connection without a response") {
    for (const std::string& wire :
         {std::string("GET /"), get("/", "Content-Length: 3\r\n") + "a"}) {
      ServerConnection http;
      std::vector<std::byte> out;
      feed(http, wire);
      while (http.next(out)) continue;
      http.finish();
      CHECK_FALSE(http.next(out));
      CHECK(http.should_close());
      CHECK(out.empty());
    }
  }

  TEST_CASE("the phase reports what the connection waits for, and a late request is refused") {
    ServerConnection http;
    std::vector<std::byte> out;
    CHECK(http.phase() == Phase::idle);
    feed(http, "GET / HT");
    CHECK_FALSE(http.next(out));
    CHECK(http.phase() == Phase::head);
    feed(http, "TP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    CHECK(http.next(out)->kind == Kind::head);
    CHECK(http.next(out)->kind == Kind::body);
    CHECK_FALSE(http.next(out));
    CHECK(http.phase() == Phase::body);
    http.refuse(out, 408);
    CHECK(as_text(out) ==
          "HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain\r\nConnection: close\r\n"
          "Content-Length: 20\r\n\r\n408 Request Timeout\n");
    CHECK(http.phase() == Phase::over);
    feed(http, "cde");
    CHECK_FALSE(http.next(out));
    const std::size_t size = out.size();
    http.refuse(out, 408);
    CHECK(out.size() == size);
  }

  TEST_CASE("after a response has begun, no error response is sent") {
    ServerConnection http;
    std::vector<std::byte> out;
    feed(http, get("/"));
    while (http.next(out)) continue;
    CHECK(http.begin_response(out, 200, {}, 5));
    out.clear();
    http.refuse(out, 500);
    CHECK(out.empty());
    CHECK(http.should_close());
  }

  TEST_CASE("a body shorter than announced ends the connection, and bytes sent elsewhere count") {
    for (const unsigned elsewhere : {2u, 3u}) {
      ServerConnection http;
      std::vector<std::byte> out;
      feed(http, get("/"));
      while (http.next(out)) continue;
      CHECK(http.begin_response(out, 200, {}, 5));
      CHECK(http.sends_body());
      http.write_body(out, as_bytes("ab"));
      http.count_body(elsewhere);
      CHECK(http.end_response(out) == (elsewhere == 3));
      CHECK(http.should_close() == (elsewhere != 3));
    }
  }

  TEST_CASE("early hints precede the response, but are not sent to HTTP/1.0") {
    for (const bool old : {false, true}) {
      ServerConnection http;
      std::vector<std::byte> out;
      feed(http, old ? "GET / HTTP/1.0\r\n\r\n" : get("/"));
      while (http.next(out)) continue;
      CHECK(http.write_informational(out, 103, {{"Link", "</a.css>"}}));
      CHECK(as_text(out) == (old ? "" : "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"));
      CHECK(http.respond(out, 200));
    }
  }

  TEST_CASE("the common fields are in every response, with their value at that time") {
    FieldLines lines;
    CHECK(lines.add({"Date", "one"}));
    ServerConnection http({{}, &lines});
    std::vector<std::byte> out;
    feed(http, get("/") + "\n");
    CHECK(http.next(out));
    CHECK(http.next(out));
    http.respond(out, 200);
    lines.clear();
    CHECK(lines.add({"Date", "two"}));
    http.close_after_answer();
    CHECK_FALSE(http.next(out));
    CHECK(as_text(out).starts_with("HTTP/1.1 200 OK\r\nDate: one\r\n"));
    CHECK(as_text(out).find("HTTP/1.1 400 Bad Request\r\nDate: two\r\n") != std::string::npos);
  }

  TEST_CASE("the server may end the connection with any response") {
    ServerConnection http;
    std::vector<std::byte> out;
    feed(http, get("/") + get("/"));
    CHECK(http.next(out));
    CHECK(http.next(out));
    http.close_after_answer();
    http.respond(out, 200);
    CHECK(as_text(out).find("Connection: close\r\n") != std::string::npos);
    CHECK(http.should_close());
  }

  TEST_CASE("pipelined requests cost no allocation except for the capacity of the output") {
    ServerConnection http;
    std::vector<std::byte> out;
    out.reserve(4096);
    const std::string wire = get("/a") + get("/b") + get("/c");
    std::size_t before = 0;
    for (int round = 0; round < 3; ++round) {
      out.clear();
      http.feed(as_bytes(wire));
      while (const auto event = http.next(out)) {
        if (event->kind == Kind::end) {
          http.respond(out, 200, {{"Content-Type", "text/plain"}}, as_bytes("hello"));
        }
      }
      if (round == 0) before = allocations::count();
    }
    CHECK(allocations::count() == before);
    CHECK(out.size() > 200);
  }
}
