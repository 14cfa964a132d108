#include "protocols/http/client_connection.hpp"

#include <random>

#include "support/any_split.hpp"
#include "support/http_server.hpp"
#include "support/http_transcript.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::DecodeError;
using protocols::http::ClientConnection;
using protocols::http::FieldList;
using protocols::http::ResponseEvent;
using protocols::http::ServerConnection;

namespace {

// A client that has sent requests, with the interface of a decoder. Includes the end of the stream.
struct Asking {
  using Frame = ResponseEvent;

  explicit Asking(std::initializer_list<std::string_view> methods) {
    std::vector<std::byte> out;
    for (std::string_view method : methods) {
      CHECK(http.request(out, method, method == "CONNECT" ? "h:1" : "/"));
    }
  }
  void feed(protocols::Bytes bytes) { http.feed(bytes); }
  std::optional<Frame> next() { return http.next(); }
  void copy_tail() { http.copy_tail(); }
  std::error_code error() const { return http.error(); }
  bool at_boundary() const {
    ClientConnection ended = http;
    ended.finish();
    while (ended.next()) continue;
    return !ended.error() && ended.should_close();
  }

  ClientConnection http{"h"};
};

}  // namespace

TEST_SUITE("http/client_connection") {
  using Out = std::vector<std::byte>;

  static std::string sent(std::string_view method, std::string_view target, FieldList fields = {},
                          std::string_view body = {}) {
    ClientConnection http("h:80");
    Out out;
    return http.request(out, method, target, fields, as_bytes(body)) ? std::string(as_text(out))
                                                                     : "refused";
  }

  static void check_events(std::initializer_list<std::string_view> methods, const std::string& wire,
                           const std::string& expected) {
    check_any_split(Asking(methods), wire, expected, Frames::pieces);
  }

  TEST_CASE("a request is framed according to what is known of its body") {
    CHECK(sent("GET", "/a?b") == "GET /a?b HTTP/1.1\r\nHost: h:80\r\n\r\n");
    CHECK(sent("POST", "/", {{"A", "b"}}, "hi") ==
          "POST / HTTP/1.1\r\nHost: h:80\r\nA: b\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(sent("PUT", "/") == "PUT / HTTP/1.1\r\nHost: h:80\r\nContent-Length: 0\r\n\r\n");
    CHECK(sent("GET", "/", {{"Upgrade", "chat"}}) ==
          "GET / HTTP/1.1\r\nHost: h:80\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n");
    ClientConnection http("h");
    Out out;
    CHECK(http.begin_request(out, "PUT", "/"));
    CHECK_FALSE(http.can_request());
    http.write_body(out, as_bytes("one"));
    CHECK(http.end_request(out, {{"T", "1"}}));
    CHECK(as_text(out) ==
          "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nT: 1\r\n"
          "\r\n");
    CHECK(http.can_request());
  }

  TEST_CASE("a request with an invalid part is not sent, and the next request can be sent") {
    CHECK(sent("GET", "/ x") == "refused");
    CHECK(sent("G T", "/") == "refused");
    CHECK(sent("GET", "/", {{"A", "b\r\nC: d"}}) == "refused");
    CHECK(sent("GET", "/", {{"content-length", "3"}}) == "refused");
    ClientConnection http("h\r\nX: y");
    Out out;
    CHECK_FALSE(http.request(out, "GET", "/"));
    CHECK(out.empty());
    CHECK(http.unanswered() == 0);
    CHECK(http.can_request());
  }

  TEST_CASE(
      "responses arrive in the order of the requests, and are read according to their request") {
    const std::string five = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    check_events({"HEAD", "GET"}, "HTTP/1.1 103 X\r\n\r\n" + five + five + "hello",
                 "<103 X 1.1></><200 OK 1.1|Content-Length: 5></>"
                 "<200 OK 1.1 length|Content-Length: 5>hello</>");
    check_events({"GET"}, "HTTP/1.1 200 OK\r\n\r\nall of it", "<200 OK 1.1 close last>all of it");
    check_events({"CONNECT"}, "HTTP/1.1 200 OK\r\n\r\nraw", "<200 OK 1.1></>raw");
  }

  TEST_CASE("a truncated response is an error, and a missing one leaves its request unanswered") {
    for (const std::string_view wire :
         {"HTT", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
      CAPTURE(wire);
      Asking asking({"GET"});
      asking.feed(as_bytes(wire));
      while (asking.next()) continue;
      asking.http.finish();
      while (asking.next()) continue;
      CHECK(asking.http.error() == DecodeError::truncated);
      CHECK(asking.http.should_close());
    }
    Asking asking({"GET", "GET"});
    asking.feed(as_bytes("HTTP/1.1 204 X\r\n\r\n"));
    while (asking.next()) continue;
    asking.http.finish();
    CHECK_FALSE(asking.next());
    CHECK_FALSE(asking.http.error());
    CHECK(asking.http.should_close());
    CHECK(asking.http.unanswered() == 1);
  }

  TEST_CASE("a response without a request is an error") {
    const std::string response = "HTTP/1.1 204 X\r\n\r\n";
    for (const Lending lending : {Lending::until_drained, Lending::until_next_feed}) {
      const std::string line = transcript(Asking({"GET"}), {response + "HTTP"}, lending).line;
      CHECK(line == "<204 X 1.1></>error: unsolicited-response");
    }
    CHECK(transcript(Asking({}), {"\r\n"}).line == "error: unsolicited-response");
  }

  TEST_CASE("a switch to a protocol that was not requested is an error") {
    const std::string switches = "HTTP/1.1 101 X\r\nUpgrade: chat\r\n\r\n";
    CHECK(transcript(Asking({"GET"}), {switches + "raw"}).line == "error: unsolicited-response");

    Asking asking({"GET"});
    Out out;
    CHECK(asking.http.request(out, "GET", "/", {{"Upgrade", "chat"}}));
    asking.feed(as_bytes(switches));
    CHECK_FALSE(asking.next());
    CHECK(asking.error() == DecodeError::unsolicited_response);
  }

  TEST_CASE("bytes that are not a response are an error") {
    CHECK(transcript(Asking({"GET"}), {"SSH-2.0-x\r\n"}).line == "error: bad-version");
  }

  TEST_CASE("a connection is reused unless the client or the server announces its end") {
    const auto after = [](const std::string& wire) {
      Asking asking({"GET", "GET"});
      asking.feed(as_bytes(wire));
      while (asking.next()) continue;
      return asking.http.should_close() ? "over" : asking.http.can_request() ? "goes on" : "waits";
    };
    CHECK(after("HTTP/1.1 204 X\r\n\r\n") == "goes on");
    CHECK(after("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n") == "over");
    CHECK(after("HTTP/1.0 204 X\r\n\r\n") == "over");
    CHECK(after("HTTP/1.0 204 X\r\nConnection: keep-alive\r\n\r\n") == "goes on");
    CHECK(after("HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 3\r\n\r\nab") == "waits");

    ClientConnection http("h");
    Out out;
    CHECK(http.request(out, "GET", "/"));
    http.close_after_request();
    CHECK(http.request(out, "GET", "/"));
    CHECK(as_text(out).ends_with("Connection: close\r\n\r\n"));
    CHECK_FALSE(http.can_request());
    const std::string answers = "HTTP/1.1 204 X\r\n\r\nHTTP/1.1 204 X\r\n\r\n";
    http.feed(as_bytes(answers));
    CHECK(http.next());
    CHECK(http.next());
    CHECK_FALSE(http.should_close());
    CHECK(http.next());
    CHECK(http.next());
    CHECK(http.should_close());
  }

  TEST_CASE("no request is sent after one that may end HTTP, until the server declines") {
    ClientConnection http("h");
    Out out;
    CHECK(http.request(out, "GET", "/", {{"Upgrade", "chat"}}));
    CHECK_FALSE(http.can_request());
    http.feed(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    while (http.next()) continue;
    CHECK(http.can_request());
  }

  TEST_CASE("a response before the end of its request is the last one") {
    ClientConnection http("h");
    Out out;
    CHECK(http.begin_request(out, "PUT", "/", {{"Expect", "100-continue"}}, 5));
    http.feed(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    CHECK(http.next()->head->status == 100);
    while (http.next()) continue;
    CHECK_FALSE(http.should_close());
    http.feed(as_bytes("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    while (http.next()) continue;
    CHECK(http.should_close());
  }

  TEST_CASE("a request shorter than announced ends the connection") {
    ClientConnection http("h");
    Out out;
    CHECK(http.begin_request(out, "PUT", "/", {}, 5));
    http.write_body(out, as_bytes("abc"));
    CHECK_FALSE(http.end_request(out));
    CHECK(http.should_close());
  }

  // Passes bytes that one side has written to the other, in pieces of random size.
  template <class Random, class Side>
  static void move_some(Out & from, Side & to, Random & random) {
    const std::size_t size = std::min<std::size_t>(from.size(), random() % 50);
    to.feed(protocols::Bytes(from).first(size));
    to.copy_tail();
    from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(size));
  }

  TEST_CASE(
      "client and server understand each other, whatever is requested and however it is cut") {
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 50; ++round) {
      ClientConnection client("h");
      ServerConnection server;
      Out requests, responses;
      std::string sent_text, received_text;
      std::vector<std::byte> body;
      std::size_t left = 1 + random() % 8;
      for (int step = 0; left + client.unanswered() > 0; ++step) {
        REQUIRE(step < 10000);
        if (left > 0 && client.can_request() && random() % 4 == 0) {
          --left;
          const std::string text(random() % 30, 'x');
          const bool chunked = random() % 2 == 0;
          REQUIRE(client.begin_request(
              requests, "PUT", "/", {},
              chunked ? std::nullopt : std::optional<std::uint64_t>(text.size())));
          client.write_body(requests, as_bytes(text));
          REQUIRE(client.end_request(requests));
          sent_text += "[" + text + "]";
        }
        move_some(requests, server, random);
        while (const auto event = server.next(responses)) {
          using Kind = protocols::http::RequestEvent::Kind;
          if (event->kind == Kind::head) body.clear();
          if (event->kind == Kind::body) {
            body.insert(body.end(), event->bytes.begin(), event->bytes.end());
          }
          if (event->kind == Kind::end) server.respond(responses, 200, {}, body);
        }
        server.copy_tail();
        move_some(responses, client, random);
        while (const auto event = client.next()) {
          if (event->kind == ResponseEvent::Kind::head) received_text += "[";
          if (event->kind == ResponseEvent::Kind::body) received_text += as_text(event->bytes);
          if (event->kind == ResponseEvent::Kind::end) received_text += "]";
        }
        client.copy_tail();
      }
      REQUIRE(received_text == sent_text);
      REQUIRE_FALSE(client.error());
    }
  }
}
