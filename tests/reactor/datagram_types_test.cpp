#include "reactor/datagram_types.hpp"

#include <doctest/doctest.h>

#include "support/result.hpp"

using namespace reactor;
using namespace std::string_view_literals;

TEST_SUITE("datagram types") {
  TEST_CASE("a datagram can be read as text, including zero bytes") {
    const Address sender = address("127.0.0.1:9");
    CHECK(Datagram{std::as_bytes(std::span("a\0b"sv)), sender}.text() == "a\0b"sv);
  }

  TEST_CASE("the counters of several sockets add up") {
    DatagramCounters sum{.received = 1, .truncated = 2, .sent = 3, .dropped = 4, .failed = 5};
    sum += {.received = 10, .truncated = 20, .sent = 30, .dropped = 40, .failed = 50};
    CHECK(sum.received == 11);
    CHECK(sum.truncated == 22);
    CHECK(sum.sent == 33);
    CHECK(sum.dropped == 44);
    CHECK(sum.failed == 55);
  }
}
