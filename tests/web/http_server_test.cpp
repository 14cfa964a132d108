#include "web/http_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "reactor/serve_on_threads.hpp"
#include "web/served.hpp"

using namespace std::chrono_literals;
using web::Request;
using web::Response;

namespace {

constexpr std::string_view close_field = "Connection: close\r\n";

void hello(const Request&, Response response) { response.send(200, "hello\n"); }

}  // namespace

static_assert(reactor::Site<web::HttpServer>);

TEST_SUITE("HttpServer") {
  TEST_CASE("a path without a route is 404, and nothing of it is in the body") {
    Served served;
    const std::string received = served.ask("GET", "/<script>");
    CHECK(status_of(received) == 404);
    CHECK(body_of(received) == "404 Not Found: there is no route for this path\n");
    CHECK(served.log.at(0).target == "/<script>");
  }

  TEST_CASE("a method that the path does not have is 405 with those that it has") {
    Served served;
    served.server->route("GET", "/a", hello);
    served.server->route("PUT", "/a", hello);
    served.server->route("DELETE", "/{any}", hello);
    const std::string received = served.ask("POST", "/a");
    CHECK(status_of(received) == 405);
    CHECK(contains(received, "\r\nAllow: DELETE, GET, HEAD, OPTIONS, PUT\r\n"));
    CHECK(status_of(served.ask("DELETE", "/a")) == 200);
    const std::string options = served.ask("OPTIONS", "/a");
    CHECK(status_of(options) == 204);
    CHECK(contains(options, "\r\nAllow: DELETE, GET, HEAD, OPTIONS, PUT\r\n"));
  }

  TEST_CASE("a method that no RFC and no route knows is 501") {
    Served served;
    served.server->route("GET", "/a", hello);
    served.server->route("PURGE", "/a", hello);
    CHECK(status_of(served.ask("BREW", "/a")) == 501);
    CHECK(status_of(served.ask("PURGE", "/a")) == 200);
  }

  TEST_CASE("CONNECT, the asterisk and other schemes have responses without a fallback") {
    Served served;
    served.server->route("GET", "/a", hello);
    CHECK(status_of(served.ask("CONNECT", "h:1")) == 405);
    CHECK(contains(served.ask("OPTIONS", "*"), "Allow: GET, HEAD, OPTIONS"));
    CHECK(status_of(served.ask("GET", "https://h/a")) == 421);
    CHECK(status_of(served.ask("GET", "http://h/a")) == 200);
  }

  TEST_CASE("a fallback gets what no route has") {
    Served served;
    served.server->route("GET", "/a", hello);
    served.server->fallback([](const Request& request, Response response) {
      response.send(200, "fallback " + std::string(request.target()));
    });
    CHECK(body_of(served.ask("GET", "/a")) == "hello\n");
    CHECK(body_of(served.ask("PUT", "/b")) == "fallback /b");
    CHECK(body_of(served.ask("OPTIONS", "*")) == "fallback *");
    CHECK(status_of(served.ask("PUT", "/a")) == 405);
  }

  TEST_CASE("dot segments, NULs and incorrect encodings of a path are 400") {
    Served served;
    served.server->route("GET", "/{rest...}", hello);
    for (const char* path : {"/..", "/a/../b", "/%2e%2E/b", "/.", "/a/%00", "/a%", "/%zz", "/%4"}) {
      CAPTURE(path);
      CHECK(status_of(served.ask("GET", path)) == 400);
    }
    for (const char* path : {"/...", "/..a", "/%252e%252e/a"}) {
      CAPTURE(path);
      CHECK(status_of(served.ask("GET", path)) == 200);
    }
  }

  TEST_CASE("a target without a slash at its front is no path, and 400") {
    Served served;
    served.server->route("GET", "/{rest...}", hello);
    for (const char* target : {"../secret", "a", "?x", "%2fetc"}) {
      CAPTURE(target);
      CHECK(status_of(served.talk(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n")) ==
            400);
    }
  }

  TEST_CASE("what is no request is refused once, and ends the connection") {
    Served served;
    served.server->route("POST", "/a", hello);
    const std::string smuggled = served.talk(
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /secret HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(smuggled) == 400);
    CHECK(smuggled.find("HTTP/1.1", 1) == std::string::npos);
    CHECK(contains(smuggled, "Connection: close"));
    CHECK(status_of(served.talk("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n")) == 414);
    CHECK(status_of(served.talk(get("/", "X: " + std::string(9000, 'a') + "\r\n"))) == 431);
    CHECK(status_of(served.talk("GET / HTTP/2.0\r\nHost: h\r\n\r\n")) == 505);
    CHECK(status_of(served.talk(get("/", "Transfer-Encoding: gzip, chunked\r\n"))) == 501);
    CHECK(served.log.at(0).status == 400);
    CHECK(served.log.at(0).method.empty());
  }

  TEST_CASE("an exception of a handler is 500, is logged, and leaves the server running") {
    Served served;
    served.server->route("GET", "/throw",
                         [](const Request&, Response) { throw std::runtime_error("no database"); });
    served.server->route("GET", "/int", [](const Request&, Response) { throw 5; });
    const std::string received = served.talk(get("/throw") + get("/int", close_field));
    CHECK(received.find("500 Internal Server Error: the handler of this route failed\n") !=
          received.rfind("500 Internal Server Error: the handler of this route failed\n"));
    CHECK_FALSE(contains(received, "database"));
    CHECK(served.log.at(0).status == 500);
    CHECK(served.log.at(0).error == "no database");
    CHECK(served.log.at(1).error == "an exception of an unknown type");
  }

  TEST_CASE("an exception of the log comes out of the loop, after the response") {
    Served served;
    served.server->route("GET", "/", hello);
    int calls = 0;
    served.server->on_response([&](const web::AccessEntry&) {
      if (++calls == 1) throw std::runtime_error("disk full");
    });
    Peer& peer = served.connect();
    peer.send(get("/") + get("/", close_field));
    CHECK_THROWS_WITH(run_until(served.loop, [&] { return peer.over(); }), "disk full");
    run_until(served.loop, [&] { return peer.over(); });
    CHECK(calls == 2);
    CHECK(peer.received().find("hello") != peer.received().rfind("hello"));
  }

  TEST_CASE("HEAD has the fields of GET and no body") {
    Served served;
    served.server->route("GET", "/", hello);
    const std::string received = served.ask("HEAD", "/");
    CHECK(contains(received, "Content-Length: 6\r\n"));
    CHECK(body_of(received).empty());
  }

  TEST_CASE(
      "pipelined requests get their responses in order, also when a handler completes later") {
    Served served;
    std::vector<Response> waiting;
    served.server->route("GET", "/now/{n}", [](const Request& request, Response response) {
      response.send(200, "now " + request.parameter("n") + ";");
    });
    served.server->route("GET", "/later", [&](const Request&, Response response) {
      waiting.push_back(std::move(response));
    });
    Peer& peer = served.connect();
    peer.send(get("/now/1") + get("/later") + get("/now/2") + get("/later") +
              get("/now/3", close_field));
    run_until(served.loop, [&] { return waiting.size() == 1; });
    served.until_received(peer, "now 1;");
    CHECK_FALSE(contains(peer.received(), "now 2;"));
    // The next request does not begin inside send(), which may run in a loop over `waiting`.
    waiting[0].send(200, "later;");
    CHECK(waiting.size() == 1);
    run_until(served.loop, [&] { return waiting.size() == 2; });
    waiting[1].send(200, "later;");
    run_until(served.loop, [&] { return peer.over(); });
    std::size_t at = 0;
    for (const char* word : {"now 1;", "later;", "now 2;", "later;", "now 3;"}) {
      at = peer.received().find(word, at);
      REQUIRE(at != std::string::npos);
    }
  }

  TEST_CASE("a thousand pipelined requests get a thousand responses") {
    Served served;
    served.server->route("GET", "/", hello);
    std::string sent;
    for (int i = 0; i < 999; ++i) sent += get("/");
    const std::string received = served.talk(sent + get("/", close_field));
    std::size_t count = 0;
    for (std::size_t at = 0; (at = received.find("HTTP/1.1 200", at)) != std::string::npos; ++at) {
      ++count;
    }
    CHECK(count == 1000);
  }

  TEST_CASE("a client that ends its side still gets its responses") {
    Served served;
    served.server->route("GET", "/", hello);
    Peer& peer = served.connect();
    peer.send(get("/") + get("/"));
    peer.finish();
    run_until(served.loop, [&] { return peer.over(); });
    CHECK(peer.ended());
    CHECK(peer.received().find("hello") != peer.received().rfind("hello"));
  }

  TEST_CASE("a head or a body that does not arrive is 408, a silent connection is closed") {
    web::HttpServerOptions options;
    options.head_timeout = options.stall_timeout = options.idle_timeout = 30ms;
    Served served(options);
    served.server->route("POST", "/", hello);
    CHECK(status_of(served.talk("GET / HT")) == 408);
    CHECK(status_of(served.talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab")) ==
          408);
    CHECK(served.talk("").empty());
    CHECK(served.log.at(0).method.empty());
    CHECK(served.log.at(1).method == "POST");
    CHECK(served.log.at(1).status == 408);
  }

  TEST_CASE("a client that does not read its response is disconnected") {
    web::HttpServerOptions options;
    options.stall_timeout = 50ms;
    for (const std::string& endpoint : {std::string("127.0.0.1:0"), "unix:" + unused_path()}) {
      CAPTURE(endpoint);
      Served served(options);
      served.server->route("GET", "/", [](const Request&, Response response) {
        response.send(200, std::string(32 << 20, 'x'));
      });
      const auto address = ok(served.server->listen(endpoint));
      Peer& peer = served.clients.emplace_back(served.loop, connect_to(address));
      peer.hold();
      peer.send(get("/"));
      served.until_logged(1);
      CHECK(served.log[0].status == 200);
      CHECK_FALSE(served.log[0].error.empty());
    }
  }

  TEST_CASE("drain completes what has begun and closes what is idle") {
    Served served;
    std::vector<Response> waiting;
    served.server->route("GET", "/", hello);
    served.server->route("GET", "/later", [&](const Request&, Response response) {
      waiting.push_back(std::move(response));
    });
    Peer& idle = served.connect();
    idle.send(get("/"));
    served.until_received(idle, "hello");
    Peer& busy = served.connect();
    busy.send(get("/later"));
    run_until(served.loop, [&] { return waiting.size() == 1; });
    served.server->drain();
    run_until(served.loop, [&] { return idle.over(); });
    CHECK_FALSE(busy.over());
    waiting[0].send(200, "done");
    run_until(served.loop, [&] { return busy.over(); });
    CHECK(contains(busy.received(), "Connection: close"));
    CHECK(body_of(busy.received()) == "done");
    run_until(served.loop, [&] { return served.server->connections() == 0; });
  }

  TEST_CASE("after a hand-over each connection ends with its next response") {
    Served served;
    served.server->route("GET", "/", hello);
    Peer& kept = served.connect();
    kept.send(get("/"));
    served.until_received(kept, "hello");
    Peer& fresh = served.connect();
    run_until(served.loop, [&] { return served.server->connections() == 2; });
    Peer& waiting = served.connect();
    CHECK(served.server->descriptors().size() == 1);
    served.server->hand_over(1h);
    CHECK(served.server->descriptors().empty());
    for (Peer* const peer : {&kept, &fresh, &waiting}) {
      CHECK_FALSE(peer->over());
      peer->send(get("/"));
      run_until(served.loop, [&] { return peer->over(); });
      CHECK(contains(peer->received(), "Connection: close"));
      CHECK(peer->received().ends_with("hello\n"));
      peer->close();
    }
    run_until(served.loop, [&] { return served.server->connections() == 0; });
    CHECK(served.server->cut_off() == 0);
  }

  TEST_CASE("it listens on several endpoints, and refuses options that make no sense") {
    Served served;
    served.server->route("GET", "/", hello);
    const std::string path = unused_path();
    CHECK(served.server->listen("unix:" + path));
    CHECK_FALSE(served.server->listen("nonsense"));
    web::HttpServerOptions wrong;
    wrong.idle_timeout = 0ms;
    web::HttpServer server(served.loop, wrong);
    CHECK(contains(failure(server.listen("127.0.0.1:0")), "idle_timeout is not positive"));
  }

  TEST_CASE("routes may be added while a handler runs") {
    Served served;
    served.server->route("GET", "/add", [&](const Request&, Response response) {
      for (int i = 0; i < 100; ++i) {
        served.server->route("GET", "/added/" + std::to_string(i), hello);
      }
      response.send(200);
    });
    CHECK(status_of(served.ask("GET", "/add")) == 200);
    CHECK(status_of(served.ask("GET", "/added/99")) == 200);
  }
}
