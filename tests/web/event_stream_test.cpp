#include "web/event_stream.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "web/served.hpp"

using reactor::WriteStatus;
using web::EventStream;
using web::Request;
using web::Response;

TEST_SUITE("EventStream") {
  TEST_CASE("a line end in a type or an id is refused, in the data it begins another line") {
    Served served;
    std::optional<EventStream> events;
    served.server->route("GET", "/", [&](const Request&, Response response) {
      events.emplace(std::move(response));
    });
    Peer& peer = served.connect();
    peer.send(get("/"));
    served.until_received(peer, "Content-Type: text/event-stream\r\n");
    CHECK(events->send({.data = "x", .event = "a\nb"}) == WriteStatus::refused);
    CHECK(events->send({.data = "x", .id = "a\rb"}) == WriteStatus::refused);
    CHECK(events->send({.data = "one\ntwo\r\nthree\rfour\n", .event = "news", .id = "7"}) ==
          WriteStatus::sent);
    CHECK(events->send("plain") != WriteStatus::closed);
    CHECK(events->send_comment() != WriteStatus::closed);
    served.until_received(peer,
                          "event: news\nid: 7\ndata: one\ndata: two\ndata: three\ndata: four\n"
                          "data: \n\n");
    served.until_received(peer, "data: plain\n\n");
    served.until_received(peer, ":\n\n");
  }

  TEST_CASE("a drain ends it, and after the client has gone it does nothing") {
    Served served;
    std::vector<EventStream> events;
    served.server->route("GET", "/", [&](const Request&, Response response) {
      events.emplace_back(std::move(response));
    });
    Peer& leaving = served.connect();
    leaving.send(get("/"));
    run_until(served.loop, [&] { return events.size() == 1; });
    leaving.reset();
    run_until(served.loop, [&] { return !events[0].response().is_open(); });
    CHECK(events[0].send("x") == WriteStatus::closed);
    Peer& peer = served.connect();
    peer.send(get("/"));
    run_until(served.loop, [&] { return events.size() == 2; });
    served.server->drain();
    run_until(served.loop, [&] { return peer.over(); });
    CHECK(peer.received().ends_with("0\r\n\r\n"));
  }
}
