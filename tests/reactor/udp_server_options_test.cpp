#include "reactor/udp_server_options.hpp"

#include <doctest/doctest.h>

#include <cstdint>

using reactor::UdpServerOptions;

TEST_SUITE("udp_server_options") {
  TEST_CASE("most_bytes() of a UDP server follows from its options") {
    const UdpServerOptions options{.max_sessions = 100};
    CHECK(options.most_bytes(5000) - options.most_bytes() == 100 * 5000);
    UdpServerOptions more = options;
    more.socket.max_queued_bytes += 1000;
    CHECK(more.most_bytes() - options.most_bytes() == 1000);
    CHECK(options.socket.most_bytes() > options.socket.max_queued_bytes + 4 * 1024 * 1024);
    CHECK(UdpServerOptions{}.most_bytes() < 20 * 1024 * 1024);
    more.max_per_network = 10;
    CHECK(more.most_bytes() - options.most_bytes() == 1000 + 100 * 512);
    more.max_sessions = SIZE_MAX;
    more.socket.max_queued_bytes = SIZE_MAX;
    CHECK(more.most_bytes(UINT64_MAX) > options.most_bytes());
  }
}
