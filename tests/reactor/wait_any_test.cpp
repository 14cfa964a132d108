#include "reactor/wait_any.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <span>

#include "reactor/socket.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Interest;
using reactor::Loop;
using reactor::ReadyDescriptor;
using reactor::wait_any;
using reactor::WaitFor;

TEST_SUITE("wait_any") {
  TEST_CASE("one call reports all descriptors that are ready") {
    Loop loop;
    auto pair = reactor::socket_pair();
    REQUIRE(pair);
    const int reading = (*pair)[0].fd();
    const int writing = (*pair)[1].fd();
    REQUIRE(write(writing, "x", 1) == 1);
    std::vector<ReadyDescriptor> ready;
    int calls = 0;
    const std::array waits{WaitFor{reading, Interest::readable},
                           WaitFor{writing, Interest::writable},
                           WaitFor{writing, Interest::readable}};
    const auto wait =
        wait_any(loop, waits, std::nullopt, [&](std::span<const ReadyDescriptor> all) {
          ++calls;
          ready.assign(all.begin(), all.end());
        });
    REQUIRE(wait);
    loop.run();
    CHECK(calls == 1);
    REQUIRE(ready.size() == 2);
    for (const auto& [fd, how] : ready) {
      CHECK(how.readable == (fd == reading));
      CHECK(how.writable == (fd == writing));
    }
  }

  TEST_CASE("a wait that times out reports no descriptor, and not too early") {
    Loop loop;
    auto pair = reactor::socket_pair();
    REQUIRE(pair);
    const auto began = std::chrono::steady_clock::now();
    std::optional<std::size_t> ready;
    const std::array waits{WaitFor{(*pair)[0].fd(), Interest::readable}};
    const auto wait = wait_any(loop, waits, 3ms, [&](auto all) { ready = all.size(); });
    REQUIRE(wait);
    loop.run();
    CHECK(ready == 0);
    CHECK(std::chrono::steady_clock::now() - began >= 3ms);
  }

  TEST_CASE("a wait that is destroyed never calls") {
    Loop loop;
    auto pair = reactor::socket_pair();
    REQUIRE(pair);
    REQUIRE(write((*pair)[1].fd(), "x", 1) == 1);
    bool called = false;
    const std::array waits{WaitFor{(*pair)[0].fd(), Interest::readable}};
    {
      const auto wait = wait_any(loop, waits, 0ms, [&](auto) { called = true; });
    }
    loop.run();
    CHECK_FALSE(called);
  }

  TEST_CASE("a bad descriptor is an error, and nothing is left behind") {
    Loop loop;
    auto pair = reactor::socket_pair();
    REQUIRE(pair);
    const std::array waits{WaitFor{(*pair)[0].fd(), Interest::readable},
                           WaitFor{-1, Interest::readable}};
    const auto wait = wait_any(loop, waits, std::nullopt, [](auto) {});
    REQUIRE_FALSE(wait);
    CHECK(wait.error().message() == "watch descriptor -1: bad file descriptor");
  }
}
