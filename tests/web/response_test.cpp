#include "web/response.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "reactor/timer.hpp"
#include "web/served.hpp"

using namespace std::chrono_literals;
using reactor::WriteStatus;
using web::Request;
using web::Response;

namespace {

bool takes_more(WriteStatus status) {
  return status == WriteStatus::sent || status == WriteStatus::queued;
}

}  // namespace

TEST_SUITE("Response") {
  TEST_CASE("a field that could split the response is refused, and logged by its name") {
    Served served;
    std::vector<WriteStatus> statuses;
    served.server->route("GET", "/value", [&](const Request&, Response response) {
      statuses.push_back(response.send(302, {{"Location", "/\r\nSet-Cookie: a=b"}}, {}));
      statuses.push_back(response.send(200));
    });
    served.server->route("GET", "/name", [&](const Request&, Response response) {
      statuses.push_back(response.send(200, {{"X: y\r\nZ", "a"}}, {}));
    });
    served.server->route("GET", "/own", [&](const Request&, Response response) {
      statuses.push_back(response.begin(200, {{"Content-Length", "5"}}));
    });
    served.server->route("GET", "/status", [&](const Request&, Response response) {
      statuses.push_back(response.send(42));
    });
    for (const char* path : {"/value", "/name", "/own", "/status"}) {
      const std::string received = served.ask("GET", path);
      CAPTURE(received);
      CHECK(status_of(received) == 500);
      CHECK_FALSE(contains(received, "Set-Cookie"));
    }
    using enum WriteStatus;
    CHECK(statuses == std::vector{refused, closed, refused, refused, refused});
    CHECK(served.log.at(0).error == "the response has a field that cannot be sent: Location");
    CHECK(served.log.at(2).error == "the server itself sends the field Content-Length");
    CHECK(served.log.at(3).error == "the status 42 cannot be sent as a response");
  }

  TEST_CASE("a response that its handler destroys is 500, or a reset after its beginning") {
    Served served;
    served.server->route("GET", "/none", [](const Request&, Response) {});
    served.server->route("GET", "/part", [](const Request&, Response response) {
      response.begin(200);
      response.write("part");
    });
    std::optional<Response> kept;
    served.server->route("GET", "/later", [&](const Request&, Response response) {
      kept.emplace(std::move(response));
    });
    CHECK(status_of(served.ask("GET", "/none")) == 500);
    CHECK(contains(served.log.at(0).error, "destroyed its Response"));
    Peer& part = served.connect();
    part.send(get("/part"));
    run_until(served.loop, [&] { return part.over(); });
    CHECK(part.error() != 0);
    Peer& later = served.connect();
    later.send(get("/later"));
    run_until(served.loop, [&] { return kept.has_value(); });
    kept.reset();
    served.until_received(later, "500 Internal Server Error");
  }

  TEST_CASE("a response that is completed after the client has gone does nothing") {
    Served served;
    std::optional<Response> kept;
    std::string reason;
    served.server->route("GET", "/", [&](const Request&, Response response) {
      response.on_close([&](const reactor::Error& error) { reason = error.message(); });
      kept.emplace(std::move(response));
    });
    Peer& peer = served.connect();
    peer.send(get("/"));
    run_until(served.loop, [&] { return kept.has_value(); });
    CHECK(kept->is_open());
    peer.reset();
    run_until(served.loop, [&] { return !kept->is_open(); });
    CHECK_FALSE(reason.empty());
    CHECK(kept->send(200, "too late") == WriteStatus::closed);
    CHECK(kept->begin(200) == WriteStatus::closed);
    CHECK(kept->write("x") == WriteStatus::closed);
    CHECK(kept->end() == WriteStatus::closed);
    CHECK(kept->send_file(web::FileContent::open("/nowhere")) == WriteStatus::closed);
    CHECK_FALSE(kept->upgrade("chat"));
    CHECK(served.log.at(0).status == 0);
  }

  TEST_CASE("a response that outlives the server does nothing") {
    Served served;
    std::optional<Response> kept;
    served.server->route(
        "GET", "/", [&](const Request&, Response response) { kept.emplace(std::move(response)); });
    Peer& peer = served.connect();
    peer.send(get("/"));
    run_until(served.loop, [&] { return kept.has_value(); });
    served.server.reset();
    CHECK(kept->send(200) == WriteStatus::closed);
    kept.reset();
    run_until(served.loop, [&] { return peer.over(); });
    CHECK(peer.received().empty());
  }

  TEST_CASE("a large body arrives whole, though the client reads late and the queue is limited") {
    web::HttpServerOptions options;
    options.server.max_queued_bytes = 256 * 1024;
    Served served(options);
    const std::string text = Pattern::text(20 << 20);
    served.server->route("GET", "/", [&](const Request&, Response response) {
      CHECK(response.send(200, text) == WriteStatus::above_high_water);
      CHECK(response.send(200, "again") == WriteStatus::closed);
    });
    Peer& peer = served.connect();
    peer.hold();
    peer.send(get("/") + get("/", "Connection: close\r\n"));
    for (int i = 0; i < 50; ++i) served.loop.poll();
    peer.read_on();
    run_until(served.loop, [&] { return peer.over(); });
    CHECK(peer.ended());
    CHECK(peer.received().size() > 2 * text.size());
    CHECK(peer.received().ends_with(text));
    CHECK(served.log.size() == 2);
  }

  TEST_CASE("pieces are sent in chunks, or with a length, to HTTP/1.0 up to the end") {
    Served served;
    served.server->route("GET", "/chunks", [](const Request&, Response response) {
      response.begin(200, {{"X", "y"}});
      CHECK(response.write("ab") != WriteStatus::closed);
      response.write("");
      response.write("c");
      response.end({{"T", "1"}});
    });
    served.server->route("GET", "/length", [](const Request&, Response response) {
      response.begin(200, {}, 3);
      response.write("ab");
      response.write("c");
      response.end();
    });
    served.server->route("GET", "/short", [](const Request&, Response response) {
      response.begin(200, {}, 3);
      response.write("ab");
      CHECK(response.end() == WriteStatus::refused);
    });
    CHECK(body_of(served.ask("GET", "/chunks")) == "2\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n");
    CHECK(body_of(served.ask("GET", "/length")) == "abc");
    CHECK(body_of(served.talk(get("/short"))) == "ab");
    CHECK(body_of(served.talk("GET /chunks HTTP/1.0\r\n\r\n")) == "abc");
  }

  TEST_CASE("a response without an end ends with the client, and costs others no delay") {
    Served served;
    std::uint64_t written = 0;
    bool over = false;
    served.server->route("GET", "/endless", [&](const Request&, Response response) {
      response.begin(200);
      auto shared = std::make_shared<Response>(std::move(response));
      const auto write_more = [shared, &written] {
        const std::string piece(16 * 1024, 'x');
        while (takes_more(shared->write(piece))) written += piece.size();
      };
      shared->on_close([&](const reactor::Error&) { over = true; });
      shared->on_drained(write_more);
      write_more();
    });
    served.server->route("GET", "/",
                         [](const Request&, Response response) { response.send(200, "hello"); });
    CHECK(body_of(served.ask("HEAD", "/endless")).empty());
    written = 0;
    Peer& peer = served.connect();
    peer.keep(false);
    peer.send(get("/endless"));
    run_until(served.loop, [&] { return written > 20 << 20; });
    CHECK(body_of(served.ask("GET", "/")) == "hello");
    CHECK_FALSE(over);
    peer.reset();
    run_until(served.loop, [&] { return over; });
  }

  TEST_CASE("a handler that writes on regardless of back-pressure loses its connection only") {
    Served served;
    served.server->route("GET", "/", [&](const Request&, Response response) {
      response.begin(200);
      const std::string piece(1 << 20, 'x');
      int writes = 0;
      while (response.write(piece) != WriteStatus::closed && writes < 1000) ++writes;
      CHECK(writes < 100);
    });
    Peer& peer = served.connect();
    peer.hold();
    peer.send(get("/"));
    served.until_logged(1);
    CHECK(contains(served.log[0].error, "above_high_water"));
  }

  TEST_CASE("an exception of on_drained resets the connection") {
    Served served;
    served.server->route("GET", "/", [&](const Request&, Response response) {
      response.begin(200);
      auto shared = std::make_shared<Response>(std::move(response));
      while (takes_more(shared->write(std::string(64 * 1024, 'x')))) continue;
      shared->on_drained([shared] { throw std::runtime_error("no more"); });
    });
    Peer& peer = served.connect();
    peer.send(get("/"));
    run_until(served.loop, [&] { return peer.over(); });
    CHECK(served.log.at(0).error == "no more");
    CHECK(served.log.at(0).status == 200);
  }

  TEST_CASE("early hints precede the response") {
    Served served;
    served.server->route("GET", "/", [&](const Request&, Response response) {
      response.early_hints({{"Link", "</a.css>; rel=preload"}});
      response.send(200, "x");
    });
    const std::string received = served.ask("GET", "/");
    CHECK(received.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"));
    CHECK(received.ends_with("\r\n\r\nx"));
  }

  TEST_CASE("a Response that is assigned to another completes that one with 500") {
    Served served;
    std::vector<Response> kept;
    served.server->route("GET", "/", [&](const Request&, Response response) {
      kept.push_back(std::move(response));
    });
    Peer& one = served.connect();
    one.send(get("/"));
    run_until(served.loop, [&] { return kept.size() == 1; });
    Peer& two = served.connect();
    two.send(get("/"));
    run_until(served.loop, [&] { return kept.size() == 2; });
    kept[0] = std::move(kept[1]);
    served.until_received(one, "500 ");
    kept[0].send(200, "two");
    served.until_received(two, "two");
  }
}
