#include "web/request.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "web/served.hpp"

using web::Request;
using web::RequestBody;
using web::Response;

namespace {

std::string post(std::string_view target, std::string_view fields, std::string_view body) {
  std::string text = "POST ";
  text.append(target).append(" HTTP/1.1\r\nHost: h\r\n").append(fields);
  return text.append("\r\n").append(body);
}

std::string text_of(RequestBody::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_SUITE("Request") {
  TEST_CASE("parameters are decoded once, and an encoded slash does not separate") {
    Served served;
    served.server->route("GET", "/a/{x}/{y}", [](const Request& request, Response response) {
      response.send(200, "[" + request.parameter("x") + "][" + request.parameter("y") + "]" +
                             request.parameter("none"));
    });
    CHECK(body_of(served.ask("GET", "/a/b/c")) == "[b][c]");
    CHECK(body_of(served.ask("GET", "/a/b%2Fc/d%20e")) == "[b/c][d e]");
    CHECK(body_of(served.ask("GET", "/a/%252F/+")) == "[%2F][+]");
    CHECK(body_of(served.ask("GET", "/%61/..%2f..%2fx/y")) == "[../../x][y]");
    for (const char* path :
         {"/a/b", "/a/b/", "/a//c", "/a/b/c/", "/a/b/c/d", "//a/b/c", "/A/b/c"}) {
      CAPTURE(path);
      CHECK(status_of(served.ask("GET", path)) == 404);
    }
  }

  TEST_CASE("equal segments precede a parameter, and that precedes the rest") {
    Served served;
    const auto name = [](const char* text) {
      return [text](const Request& request, Response response) {
        response.send(200, text + (" " + request.parameter("p")));
      };
    };
    served.server->route("GET", "/u/{p...}", name("rest"));
    served.server->route("GET", "/u/{p}", name("one"));
    served.server->route("GET", "/u/me", name("equal"));
    served.server->route("GET", "/u/me/x", name("deep"));
    CHECK(body_of(served.ask("GET", "/u/me")) == "equal ");
    CHECK(body_of(served.ask("GET", "/u/m%65")) == "equal ");
    CHECK(body_of(served.ask("GET", "/u/you")) == "one you");
    CHECK(body_of(served.ask("GET", "/u/me/x")) == "deep ");
    CHECK(body_of(served.ask("GET", "/u/me/y")) == "rest me/y");
    CHECK(body_of(served.ask("GET", "/u/")) == "rest ");
    CHECK(status_of(served.ask("GET", "/u")) == 404);
    CHECK(body_of(served.ask("GET", "/u/a/b/")) == "rest a/b/");
    CHECK(status_of(served.ask("GET", "/u/a/b%2Fc")) == 404);
  }

  TEST_CASE("query, fields and address are available") {
    Served served;
    served.server->route("GET", "/", [](const Request& request, Response response) {
      CHECK(request.query_parameter("a") == "1 2");
      CHECK(request.query_parameter("b") == "");
      CHECK_FALSE(request.query_parameter("c"));
      CHECK(request.query_parameters().size() == 3);
      CHECK(request.field("x-field") == "value");
      CHECK(request.query() == "a=1+2&b&a=3");
      CHECK(request.method() == "GET");
      REQUIRE(request.peer());
      CHECK(request.peer()->to_string().starts_with("127.0.0.1:"));
      response.send(200);
    });
    CHECK(status_of(served.ask("GET", "/?a=1+2&b&a=3", "X-Field: value\r\n")) == 200);
  }
}

TEST_SUITE("RequestBody") {
  TEST_CASE("a body larger than is collected is 413, announced or not") {
    web::HttpServerOptions options;
    options.max_body_bytes = 10;
    Served served(options);
    served.server->route("POST", "/", [](const Request& request, Response response) {
      response.send(200, request.body());
    });
    CHECK(body_of(served.ask("POST", "/", {}, "0123456789")) == "0123456789");
    CHECK(status_of(served.ask("POST", "/", {}, "0123456789a")) == 413);
    CHECK(status_of(served.talk(post("/", "Content-Length: 1073741824\r\n", ""))) == 413);
    CHECK(status_of(served.talk(post("/", "Transfer-Encoding: chunked\r\nConnection: close\r\n",
                                     "6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n"))) == 413);
    CHECK(body_of(served.talk(post("/", "Transfer-Encoding: chunked\r\nConnection: close\r\n",
                                   "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"))) == "abc");
  }

  TEST_CASE("all bodies together are limited, and those that end make room") {
    web::HttpServerOptions options;
    options.max_total_body_bytes = 10;
    Served served(options);
    served.server->route("POST", "/", [](const Request& request, Response response) {
      response.send(200, request.body());
    });
    Peer& slow = served.connect();
    slow.send(post("/", "Content-Length: 9\r\n", "12345678"));
    for (int i = 0; i < 3; ++i) CHECK(status_of(served.ask("POST", "/", {}, "abc")) == 503);
    slow.send("9");
    served.until_received(slow, "123456789");
    CHECK(body_of(served.ask("POST", "/", {}, "abc")) == "abc");
  }

  TEST_CASE("a client that waits for 100 gets it when the handler wants the body, not before") {
    Served served;
    std::vector<RequestBody> bodies;
    std::vector<Response> responses;
    served.server->route("PUT", "/", [&](const Request&, RequestBody body, Response response) {
      bodies.push_back(std::move(body));
      responses.push_back(std::move(response));
    });
    served.server->route("PUT", "/no", [&](const Request&, RequestBody, Response response) {
      response.send(403, "no\n");
    });
    const std::string fields = "Content-Length: 3\r\nExpect: 100-continue\r\n";
    Peer& peer = served.connect();
    peer.send("PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + fields + "\r\n");
    run_until(served.loop, [&] { return bodies.size() == 1; });
    for (int i = 0; i < 5; ++i) served.loop.poll();
    CHECK(peer.received().empty());
    std::string received;
    bodies[0].on_data([&](RequestBody::Bytes bytes) { received += text_of(bytes); });
    bodies[0].on_end([&] { responses[0].send(200, received); });
    served.until_received(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("abc");
    run_until(served.loop, [&] { return peer.over(); });
    CHECK(peer.received().ends_with("\r\n\r\nabc"));

    const std::string refused = served.talk("PUT /no HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
    CHECK(status_of(refused) == 403);
  }

  TEST_CASE("a body that is paused stops its client, and resumes without a loss") {
    Served served;
    std::optional<RequestBody> reader;
    std::uint64_t size = 0;
    served.server->route("PUT", "/", [&](const Request&, RequestBody body, Response response) {
      reader = body;
      body.on_data([&, body](RequestBody::Bytes bytes) mutable {
        if (size == 0) body.pause();
        size += bytes.size();
      });
      body.on_end([&, response = std::move(response)]() mutable {
        response.send(200, std::to_string(size));
      });
    });
    constexpr std::size_t total = 64 << 20;
    Peer& peer = served.connect();
    peer.send("PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
              std::to_string(total) + "\r\n\r\n");
    std::size_t sent = 0;
    const auto send_more = [&] {
      while (sent < total) {
        const std::size_t taken = peer.send_some(Pattern::at(sent, total - sent));
        sent += taken;
        if (taken == 0) return;
      }
    };
    run_until(served.loop, [&] {
      send_more();
      return size > 0;
    });
    for (int i = 0; i < 100; ++i) {
      send_more();
      served.loop.poll();
    }
    CHECK(size <= 64 * 1024);
    CHECK(sent < total);
    reader->resume();
    poll_until(served.loop, [&] {
      send_more();
      return peer.over();
    });
    CHECK(body_of(peer.received()) == std::to_string(total));
  }

  TEST_CASE("a gigabyte to a handler that refuses it at once is neither read nor kept") {
    Served served;
    served.server->route("PUT", "/", [](const Request&, RequestBody, Response response) {
      response.send(403, "no\n");
    });
    const std::string received =
        served.talk("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\nabc");
    CHECK(status_of(received) == 403);
    CHECK(contains(received, "Connection: close"));
  }

  TEST_CASE("a client that sends on after 413 reads that response, and not a reset") {
    web::HttpServerOptions options;
    options.max_body_bytes = 1000;
    Served served(options);
    served.server->route("PUT", "/", [](const Request&, Response response) { response.send(200); });
    constexpr std::size_t total = 20 << 20;
    for (const bool chunked : {false, true}) {
      CAPTURE(chunked);
      Peer& peer = served.connect();
      const std::string size = std::to_string(total);
      peer.send("PUT / HTTP/1.1\r\nHost: h\r\n" +
                (chunked ? "Transfer-Encoding: chunked\r\n\r\n1400000\r\n"
                         : "Content-Length: " + size + "\r\n\r\n"));
      std::size_t sent = 0;
      poll_until(served.loop, [&] {
        while (sent < total) {
          const std::size_t taken = peer.send_some(Pattern::at(sent, total - sent));
          if (taken == 0) return false;
          sent += taken;
        }
        return true;
      });
      peer.finish();
      run_until(served.loop, [&] { return peer.over(); });
      CHECK(peer.ended());
      CHECK(status_of(peer.received()) == 413);
    }
  }

  TEST_CASE("a body that breaks off, or is no body, ends the exchange") {
    Served served;
    std::vector<std::string> ends;
    served.server->route("PUT", "/", [&](const Request&, RequestBody body, Response response) {
      response.on_close([&](const reactor::Error& error) { ends.push_back(error.message()); });
      body.on_data([response = std::make_shared<Response>(std::move(response))](auto) {});
    });
    const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK(status_of(served.talk(head + "zz\r\n")) == 400);
    Peer& leaving = served.connect();
    leaving.send(head + "2\r\nab\r\n");
    leaving.finish();
    run_until(served.loop, [&] { return leaving.over(); });
    Peer& reset = served.connect();
    reset.send(head + "2\r\nab\r\n");
    run_until(served.loop, [&] { return served.server->connections() == 1; });
    for (int i = 0; i < 5; ++i) served.loop.poll();
    reset.reset();
    run_until(served.loop, [&] { return ends.size() == 3; });
    CHECK(served.log.size() == 3);
    CHECK(served.log[0].status == 400);
    CHECK(served.log[1].status == 0);
  }

  TEST_CASE("an exception of a body's callback is 500") {
    Served served;
    served.server->route("PUT", "/", [&](const Request&, RequestBody body, Response response) {
      body.on_data([response = std::make_shared<Response>(std::move(response))](auto) {
        throw std::runtime_error("bad data");
      });
    });
    CHECK(status_of(served.ask("PUT", "/", {}, "abc")) == 500);
    CHECK(served.log.at(0).error == "bad data");
  }

  TEST_CASE("callbacks set after the end of the exchange are destroyed, not kept") {
    Served served;
    std::optional<RequestBody> kept;
    served.server->route("PUT", "/", [&](const Request&, RequestBody body, Response response) {
      kept = body;
      response.send(200);
    });
    CHECK(status_of(served.ask("PUT", "/", {}, "abc")) == 200);
    const auto alive = std::make_shared<int>();
    kept->on_data([alive](auto) {});
    kept->on_end([alive] {});
    kept->pause();
    kept->resume();
    CHECK(alive.use_count() == 1);
  }
}
