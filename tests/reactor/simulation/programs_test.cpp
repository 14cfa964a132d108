// Servers and clients keep their promises in thousands of simulated worlds.
#include "programs.hpp"

#include <doctest/doctest.h>

#include "reactor/simulation/seeds.hpp"

namespace {

constexpr std::uint64_t seeds = 100;

bool holds(std::string (*program)(std::uint64_t)) {
  return reactor::simulation::for_each_seed(seeds, [program](std::uint64_t seed) {
    const std::string wrong = program(seed);
    INFO("seed " << seed);
    CHECK(wrong == "");
    return wrong.empty();
  });
}

}  // namespace

TEST_SUITE("simulated programs") {
  TEST_CASE("an echo server returns each byte once and in order, and every connection ends") {
    CHECK(holds(programs::echo));
  }
  TEST_CASE("without resets a framed echo returns every frame, whatever the faults") {
    CHECK(holds(programs::framed_echo));
  }
  TEST_CASE("a relay passes on each byte once and in order, and every connection ends") {
    CHECK(holds(programs::relay));
  }
  TEST_CASE("in a chat room no line is doubled, lost in the middle or out of order") {
    CHECK(holds(programs::chat));
  }
  TEST_CASE("a time service over UDP serves every client once the faults have ended") {
    CHECK(holds(programs::time_service));
  }
  TEST_CASE("an HTTP server sends whole responses in the order of the requests") {
    CHECK(holds(programs::http));
  }
  TEST_CASE("clients of a server that crashes and restarts are served in the end") {
    CHECK(holds(programs::restarts));
  }
  TEST_CASE(
      "close() sends what was written, also before it is connected, or ends within its time") {
    CHECK(holds(programs::farewells));
  }
  TEST_CASE("a server that drains serves the connections that wait in its kernel") {
    CHECK(holds(programs::drains));
  }
  TEST_CASE("files arrive whole over connections that break, continued from where they broke") {
    CHECK(holds(programs::file_transfer));
  }
  TEST_CASE("each request of an HTTP client ends once, with its own response, in the end") {
    CHECK(holds(programs::http_client));
  }
  TEST_CASE("announcements by broadcast and multicast reach all they are for, and no others") {
    CHECK(holds(programs::announcements));
  }
}
