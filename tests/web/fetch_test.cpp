#include "web/fetch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocols/error.hpp"
#include "support/peer.hpp"
#include "web/content_decoder.hpp"
#include "web/origin_server.hpp"

using namespace std::chrono_literals;

using protocols::DecodeError;
using reactor::WriteStatus;
using web::FetchErrc;
using web::FetchRequest;
using web::HttpClient;

namespace fetch_test {
namespace {

std::string_view as_text(web::Fetch::Bytes bytes) { return protocols::as_text(bytes); }

// "hello, hello, hello" by gzip (RFC 1952), by zlib's format, and as raw deflate: made by Python.
const std::string gzip_hello(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcb\x48\xcd\xc9\xc9\xd7\x51\xc8\x40\xa2\x00\x9f\xa1"
    "\xca\x09\x13\x00\x00\x00",
    29);

// The beginning of what gzip makes of zeros: each further NUL is about a thousand of them.
const std::string endless_zeros(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x01\x01\x00\x00\x00\x82\x20\xff\xaf\x6e"
    "\x48\x40\x01",
    25);

std::string coded(std::string_view coding, std::string_view body) {
  return answer(body, "Content-Encoding: " + std::string(coding) + "\r\n");
}

}  // namespace

TEST_SUITE("Fetch") {
  TEST_CASE("a response that is cut at any byte is an error, and never a shorter response") {
    const std::string whole =
        "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n4\r\ndefg\r\n0\r\nT: 1\r\n\r\n";
    std::vector<OriginServer::Script> scripts;
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) scripts.push_back({whole.substr(0, cut)});
    reactor::Loop loop;
    OriginServer server(loop, std::move(scripts));
    HttpClient client(loop);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      CAPTURE(cut);
      const std::string text = fetched(loop, client, server.url());
      CHECK(text.starts_with("error: receive from " + server.endpoint() + ": "));
    }
    CHECK(fetched(loop, client, server.url()) == "200 abcdefg");
    CHECK(server.requests.size() == whole.size() + 1);  // None was sent again.
  }

  TEST_CASE(
      "a response that is no HTTP, or states two lengths, is an error that names the server") {
    reactor::Loop loop;
    OriginServer server(loop,
                        {{"SSH-2.0-x\r\n"},
                         {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
                         {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}});
    HttpClient client(loop);
    for (const char* why :
         {"not an HTTP version", "Length is not one number", "answers no request"}) {
      const std::string text = fetched(loop, client, server.url());
      CAPTURE(text);
      CHECK(text.starts_with("error: receive from " + server.endpoint()));
      CHECK(text.find(why) != text.npos);
    }
    CHECK(client.connections() == 0);
  }

  TEST_CASE("responses without a body end at their head, and their connection is used again") {
    reactor::Loop loop;
    OriginServer server(
        loop, {{"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\nContent-Encoding: gzip\r\n\r\n",
                "HTTP/1.1 204 No Content\r\n\r\n",
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000000000\r\n\r\n",
                answer("", "Content-Encoding: gzip\r\n"), answer("x") + "<keep>"}});
    HttpClient client(loop);
    CHECK(fetched(loop, client, {.url = server.url(), .method = "HEAD"}) == "200 ");
    CHECK(fetched(loop, client, server.url()) == "204 ");
    CHECK(fetched(loop, client, server.url()) == "304 ");
    CHECK(fetched(loop, client, server.url()) == "200 ");
    CHECK(fetched(loop, client, server.url()) == "200 x");
    CHECK(server.connections.size() == 1);
  }

  TEST_CASE("a body that is longer than the limit is an error, announced or not") {
    reactor::Loop loop;
    OriginServer server(loop, {{"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<keep>"},
                               {"HTTP/1.1 200 OK\r\n\r\n01234567890"},
                               {answer("0123456789")}});
    HttpClient client(loop, {.max_body_bytes = 10});
    for (int i = 0; i < 2; ++i) {
      Fetched one(client, {.url = server.url()});
      run_until(loop, [&] { return one.done(); });
      CHECK(one.code() == DecodeError::body_too_large);
      CHECK(one.text().find("max_body_bytes") != std::string::npos);
    }
    CHECK(fetched(loop, client, server.url()) == "200 0123456789");
  }

  TEST_CASE(
      "a compressed body is decompressed, whole or in pieces, and refused where it is wrong") {
    if (web::ContentDecoder::accepted().empty()) {
      MESSAGE("skipped: built without zlib");
      return;
    }
    const std::string deflated = gzip_hello.substr(10, 11);
    const std::string zlib = "\x78\x9c" + deflated + std::string("\x44\x28\x06\xd5", 4);
    std::string pieces =
        "HTTP/1.1 200 OK\r\nContent-Encoding: x-GZIP\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (char c : gzip_hello) pieces += std::string("1\r\n") + c + "\r\n";
    const std::string bad = gzip_hello.substr(0, 12) + "\xff\xff\xff\xff" + gzip_hello.substr(16);
    reactor::Loop loop;
    OriginServer server(
        loop, {{coded("gzip", gzip_hello), coded("deflate", deflated), pieces + "0\r\n\r\n",
                coded("gzip", gzip_hello + gzip_hello), coded("gzip, gzip", "as it is"),
                coded("br", "as it is"), coded("gzip", gzip_hello.substr(0, 20))},
               {coded("gzip", bad)},
               {coded("gzip", gzip_hello + "garbage")},
               {coded("gzip", "")},
               {answer("plain")}});
    HttpClient client(loop);
    const std::string hello = "hello, hello, hello";
    CHECK(fetched(loop, client, server.url()) == "200 " + hello);
    CHECK(fetched(loop, client, server.url()) == "200 " + hello);
    CHECK(fetched(loop, client, server.url()) == "200 " + hello);
    CHECK(fetched(loop, client, server.url()) == "200 " + hello + hello);
    CHECK(fetched(loop, client, server.url()) == "200 as it is");
    CHECK(fetched(loop, client, server.url()) == "200 as it is");
    for (int i = 0; i < 3; ++i) {
      Fetched one(client, {.url = server.url()});
      run_until(loop, [&] { return one.done(); });
      CHECK(one.code() == DecodeError::bad_deflate);
    }
    CHECK(fetched(loop, client, server.url()) == "200 ");
    CHECK(server.requests[0].find("\r\nAccept-Encoding: gzip, deflate\r\n") != std::string::npos);
    // The bytes as they are, for a request that has chosen its encodings or a part.
    CHECK(fetched(loop, client, {.url = server.url(), .fields = {{"Range", "bytes=1-"}}}) ==
          "200 plain");
    CHECK(server.requests.back().find("Accept-Encoding") == std::string::npos);
  }

  TEST_CASE("a small body that inflates to a large one ends at the limit, also when streamed") {
    if (web::ContentDecoder::accepted().empty()) {
      MESSAGE("skipped: built without zlib");
      return;
    }
    std::string bomb = endless_zeros;
    bomb += std::string(200'000, '\0');
    reactor::Loop loop;
    OriginServer server(loop, {{coded("gzip", bomb)}, {coded("gzip", bomb)}});
    HttpClient client(loop, {.limits = {.max_body_bytes = 1'000'000}, .max_body_bytes = 100'000});
    Fetched collected(client, {.url = server.url()});
    run_until(loop, [&] { return collected.done(); });
    CHECK(collected.code() == DecodeError::body_too_large);
    Fetched streamed(client, {.url = server.url()});
    std::size_t size = 0;
    streamed.fetch->on_data([&](web::Fetch::Bytes bytes) { size += bytes.size(); });
    run_until(loop, [&] { return streamed.done(); });
    CHECK(streamed.code() == DecodeError::body_too_large);
    CHECK(size <= 1'000'000);
    CHECK(size > 900'000);
  }

  TEST_CASE("a streamed body arrives in pieces behind its head, and a pause stops the server") {
    reactor::Loop loop;
    const std::string body = Pattern::text(12 << 20);
    OriginServer server(loop, {{answer(body) + "<keep>"}});
    HttpClient client(loop);
    Fetched one(client, {.url = server.url()});
    std::string events;
    std::string received;
    one.fetch->on_head([&](const web::FetchResponse& head) {
      events += "head " + std::to_string(head.status) + " " + head.url;
      CHECK(head.field("content-length") == std::to_string(body.size()));
    });
    one.fetch->on_data([&](web::Fetch::Bytes bytes) {
      received += as_text(bytes);
      if (received.size() < 2'000'000) one.fetch->pause();
    });
    while (received.size() < 2'000'000) {
      const std::size_t before = received.size();
      run_until(loop, [&] { return received.size() > before; });
      if (received.size() >= 2'000'000) break;
      const std::size_t paused_at = received.size();
      for (int i = 0; i < 20; ++i) loop.poll();
      CHECK(received.size() == paused_at);
      if (paused_at < 600'000) CHECK(server.connections.front().stream.queued_bytes() > 0);
      one.fetch->resume();
    }
    run_until(loop, [&] { return one.done(); });
    CHECK(received == body);
    CHECK(events == "head 200 " + server.url());
    CHECK(one.text() == "200 ");
    CHECK(client.idle_connections() == 1);
  }

  TEST_CASE("a pause keeps what has arrived already, whatever others receive meanwhile") {
    reactor::Loop loop;
    OriginServer server(loop, {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"},
                               {answer(std::string(1000, 'x'))}});
    HttpClient client(loop);
    Fetched one(client, {.url = server.url()});
    std::string received;
    one.fetch->on_data([&](web::Fetch::Bytes bytes) {
      received.append(as_text(bytes)).append("|");
      one.fetch->pause();
    });
    for (const char* expected : {"one|", "one|two|", "one|two|three|"}) {
      run_until(loop, [&] { return received == expected; });
      Fetched other(client, {.url = server.url()});
      for (int i = 0; i < 5; ++i) loop.poll();
      CHECK(received == expected);
      one.fetch->resume();
    }
    run_until(loop, [&] { return one.done(); });
    CHECK(one.text() == "200 ");
  }

  TEST_CASE("a pause inside of a compressed piece delivers no more of it until resume") {
    if (web::ContentDecoder::accepted().empty()) {
      MESSAGE("skipped: built without zlib");
      return;
    }
    std::string zeros = endless_zeros;
    zeros += std::string(300, '\0');
    reactor::Loop loop;
    OriginServer server(loop, {{coded("gzip", zeros)}});
    HttpClient client(loop);
    Fetched one(client, {.url = server.url()});
    std::size_t pieces = 0;
    one.fetch->on_data([&](web::Fetch::Bytes) {
      ++pieces;
      one.fetch->pause();
    });
    for (std::size_t expected = 1; expected <= 10; ++expected) {
      run_until(loop, [&] { return pieces == expected; });
      for (int i = 0; i < 5; ++i) loop.poll();
      CHECK(pieces == expected);
      one.fetch->resume();
    }
    one.fetch->on_data([&](web::Fetch::Bytes) { ++pieces; });
    run_until(loop, [&] { return one.done(); });
    CHECK(one.code() == DecodeError::bad_deflate);  // It has no end.
  }

  TEST_CASE("a body is sent in chunks or of a size, also before there is a connection") {
    reactor::Loop loop;
    OriginServer server(
        loop, {{answer("one"), answer("two"), answer("three"), answer("four") + "<keep>"}});
    HttpClient client(loop);
    Fetched chunked(client, {.url = server.url(), .method = "POST", .streams_body = true});
    CHECK(chunked.fetch->write("abc") == WriteStatus::queued);
    CHECK(chunked.fetch->write("") == WriteStatus::queued);
    run_until(loop, [&] { return server.connections.size() == 1; });
    run_until(loop, [&] {
      return server.connections.front().received.find("3\r\nabc\r\n") != std::string::npos;
    });
    chunked.fetch->write("defg");
    chunked.fetch->end();
    CHECK(chunked.fetch->write("late") == WriteStatus::closed);
    run_until(loop, [&] { return chunked.done(); });
    CHECK(chunked.text() == "200 one");
    CHECK(server.requests[0].ends_with("\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"));

    Fetched sized(client,
                  {.url = server.url(), .method = "PUT", .streams_body = true, .body_size = 5});
    sized.fetch->write("abc");
    CHECK(sized.fetch->write("def") == WriteStatus::refused);
    sized.fetch->write("de");
    sized.fetch->end();
    run_until(loop, [&] { return sized.done(); });
    CHECK(server.requests[1].ends_with("Content-Length: 5\r\n\r\nabcde"));

    CHECK(fetched(loop, client, {.url = server.url(), .method = "POST"}) == "200 three");
    CHECK(server.requests[2].ends_with("Content-Length: 0\r\n\r\n"));

    const std::string large = Pattern::text(3 << 20);
    CHECK(fetched(loop, client, {.url = server.url(), .method = "PUT", .body = large}) ==
          "200 four");
    CHECK(server.requests[3].ends_with(large));
    CHECK(server.connections.size() == 1);

    Fetched brief(client,
                  {.url = server.url(), .method = "PUT", .streams_body = true, .body_size = 5});
    brief.fetch->write("abc");
    brief.fetch->end();
    CHECK_FALSE(brief.done());
    run_until(loop, [&] { return brief.done(); });
    CHECK(brief.code() == std::errc::invalid_argument);
    CHECK(client.connections() == 0);  // The server would take the next request for the body.
  }

  TEST_CASE("a server that does not read the body pauses its sender until it reads") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("read") + "<keep>"}});
    server.on_accept = [](reactor::Stream& stream) { stream.pause(); };
    HttpClient client(loop);
    Fetched one(client, {.url = server.url(), .method = "PUT", .streams_body = true});
    const std::string piece = Pattern::text(50'000);
    std::size_t written = 0;
    const std::size_t most = 20 << 20;
    const auto write = [&] {
      WriteStatus status = WriteStatus::sent;
      while (written < most && status != WriteStatus::above_high_water &&
             status != WriteStatus::closed) {
        status = one.fetch->write(piece);
        written += piece.size();
      }
      if (written >= most) one.fetch->end();
    };
    one.fetch->on_drained(write);
    write();
    CHECK(written < 200'000);
    run_until(loop, [&] { return server.connections.size() == 1; });
    for (int i = 0; i < 50; ++i) loop.poll();
    CHECK(written < most);
    server.connections.front().stream.resume();
    run_until(loop, [&] { return one.done(); });
    CHECK(one.text() == "200 read");
    CHECK(written >= most);
  }

  TEST_CASE("a server may respond before it has read the body, and gets no other request then") {
    reactor::Loop loop;
    OriginServer server(loop);
    server.on_accept = [](reactor::Stream& stream) {
      stream.write(answer("", "", "413 Too Large"));
    };
    HttpClient client(loop);
    Fetched one(client, {.url = server.url(), .method = "POST", .streams_body = true});
    one.fetch->write("abc");
    run_until(loop, [&] { return one.done(); });
    CHECK(one.text() == "413 ");
    CHECK(one.fetch->write("def") == WriteStatus::closed);
    one.fetch->end();
    CHECK(client.connections() == 0);
  }
}

}  // namespace fetch_test
