#include "web/websocket_options.hpp"

#include <doctest/doctest.h>

TEST_SUITE("WebSocketOptions") {
  TEST_CASE("the defaults are finite, and admit only pages of the same host") {
    const web::WebSocketOptions options;
    CHECK(options.max_message_bytes <= 1 << 20);
    CHECK(options.max_queued_bytes <= 1 << 20);
    CHECK(options.idle_timeout < reactor::Duration::max());
    CHECK(options.open_timeout < reactor::Duration::max());
    CHECK(options.origins.empty());
    REQUIRE(options.deflate);
    CHECK(options.deflate->server_no_context_takeover);  // Else each connection keeps a window.
    CHECK(options.deflate->client_no_context_takeover);
  }
}
