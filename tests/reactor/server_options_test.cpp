#include "reactor/server_options.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "reactor/admission.hpp"
#include "reactor/output_batch.hpp"

using namespace std::chrono_literals;
using reactor::ServerOptions;

TEST_SUITE("server_options") {
  TEST_CASE("most_bytes() of a server follows from its options") {
    const ServerOptions options{.max_connections = 100, .max_queued_bytes = 1000};
    CHECK(options.most_bytes(5000) - options.most_bytes() == 100 * 5000);
    ServerOptions more = options;
    more.max_queued_bytes += 1;
    CHECK(more.most_bytes() - options.most_bytes() == 100);
    more.max_total_queued_bytes = 0;
    CHECK(options.most_bytes() - more.most_bytes() == 100 * 1000);
    CHECK(ServerOptions{}.most_bytes() < (std::uint64_t{1} << 30));
    // The read buffer and the gather buffer of a loop count already for the first connection.
    const ServerOptions one{
        .max_connections = 1, .max_queued_bytes = 0, .max_total_queued_bytes = 0};
    CHECK(one.most_bytes() >=
          reactor::OutputBatch::read_buffer_bytes + reactor::OutputBatch::gather_buffer_bytes);
    ServerOptions by_network = options;
    by_network.max_per_network = 10;
    CHECK(by_network.most_bytes() - options.most_bytes() == 100 * 1024);
    ServerOptions accepting = by_network;
    accepting.unaccepted_timeout = 1s;  // Connections that give way exist for a moment longer.
    CHECK(accepting.most_bytes(5000) - by_network.most_bytes(5000) >=
          reactor::Admission::most_giving_way * 5000);
    ServerOptions vast = options;
    vast.max_connections = SIZE_MAX;
    vast.max_queued_bytes = SIZE_MAX;
    vast.max_total_queued_bytes = SIZE_MAX;
    CHECK(vast.most_bytes(UINT64_MAX) >= more.most_bytes());
    constexpr std::uint64_t each = UINT64_MAX / 400 - 1;
    CHECK(options.most_bytes(each) - options.most_bytes() == 100 * each);
  }

  TEST_CASE("the limit of connections follows from the descriptors that the process may have") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const auto limit_with = [&](rlim_t descriptors, const ServerOptions& options) {
      rlimit now{std::min(descriptors, before.rlim_max), before.rlim_max};
      REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
      const std::size_t limit = options.connection_limit();
      REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
      return limit;
    };
    const std::size_t left = limit_with(1000, {.reserved_descriptors = 0});
    CHECK(left > 800);
    CHECK(left < 1000);  // At least the standard descriptors are open.
    CHECK(limit_with(1000, {}) == left - 64);
    CHECK(limit_with(1000, {.reserved_descriptors = 300}) == left - 300);
    CHECK(limit_with(1000, {.descriptors_each = 3}) == (left - 64) / 3);
    CHECK(limit_with(1000, {.max_connections = 100}) == 100);
    // If there are few descriptors, the program keeps half of them.
    CHECK(limit_with(1000, {.reserved_descriptors = 5000}) == left - left / 2);
    CHECK(limit_with(1, {}) == 1);
    CHECK(ServerOptions{}.max_connections == 10'000);
  }
}
