#include "protocols/websocket/message.hpp"

#include <doctest/doctest.h>

using protocols::websocket::Event;

TEST_SUITE("websocket message") {
  TEST_CASE("an event is a whole message unless it is marked as a piece") {
    const Event event;
    CHECK(event.first);
    CHECK(event.last);
    CHECK(event.text().empty());
  }
}
