// A program waits for Loop::fd() with poll(2), instead of running the loop.
#include <doctest/doctest.h>
#include <poll.h>
#include <uv.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "reactor/listener.hpp"
#include "reactor/loop.hpp"
#include "reactor/resolver.hpp"
#include "reactor/server.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "reactor/work.hpp"
#include "support/timeout_scale.hpp"

using namespace reactor;
using namespace std::chrono_literals;

namespace {

bool is_readable(int fd, int milliseconds = 0) {
  pollfd ready{fd, POLLIN, 0};
  return poll(&ready, 1, milliseconds) == 1;
}

/// Waits like such a program until `condition()` holds; returns how often it called Loop::poll().
template <class Condition>
int host_until(Loop& loop, Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + 20s * timeout_scale();
  int polls = 0;
  while (!condition()) {
    const bool too_late = std::chrono::steady_clock::now() > limit;
    REQUIRE_MESSAGE(!too_late, "what the test waits for has not happened in time");
    const Duration most = 1s, wanted = loop.timeout();
    if (!is_readable(loop.fd(), poll_timeout(std::min(most, wanted))) && wanted > most) continue;
    loop.poll();
    ++polls;
  }
  return polls;
}

/// Whether a host calls poll() without waiting.
bool has_work(Loop& loop) { return loop.timeout() == Duration(0s) || is_readable(loop.fd()); }

/// Calls poll() until the descriptor is not readable; the loop may need a few calls for that.
void check_falls_silent(Loop& loop) {
  int polls = 0;
  while (polls < 10 && has_work(loop)) {
    loop.poll();
    ++polls;
  }
  CHECK(polls < 10);
}

struct Echo {
  Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

}  // namespace

TEST_SUITE("hosted loop") {
  TEST_CASE("a loop without work is never ready, and its timeout is unlimited") {
    Loop loop;
    check_falls_silent(loop);
    CHECK(loop.timeout() == Duration::max());
  }

  TEST_CASE("a timer has a host call the loop when it is due, and not more often") {
    Loop loop;
    (void)loop.fd();
    int fired = 0;
    const auto timer = Timer::every(loop, 2ms, [&] { ++fired; });
    const int polls = host_until(loop, [&] { return fired == 10; });
    // Not more than two calls for each time: an early wake-up is possible, a spin is not.
    CHECK(polls <= 22);
  }

  TEST_CASE("a timer of an hour does not make the descriptor readable") {
    Loop loop;
    const auto timer = Timer::after(loop, 1h, [] {});
    check_falls_silent(loop);
  }

  TEST_CASE("a task from another thread makes the descriptor readable, whenever it is posted") {
    Loop loop;
    int done = 0;
    for (int round = 0; round < 100; ++round) {
      check_falls_silent(loop);
      std::thread other([&] { loop.post([&] { ++done; }); });
      host_until(loop, [&] { return done == round + 1; });
      other.join();
    }
  }

  TEST_CASE("handles that the program adds between two calls are served") {
    Loop loop;
    check_falls_silent(loop);
    auto server = Server<Echo>::listen(loop, "127.0.0.1:0").value();
    Stream client = Stream::connect(loop, server.address()).value();
    std::string received;
    client.on_data([&](std::span<const std::byte> bytes) {
      received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    for (std::size_t round = 1; round <= 100; ++round) {
      client.write("x");
      const int polls = host_until(loop, [&] { return received.size() == round; });
      CHECK(polls <= 10);
    }
    check_falls_silent(loop);  // Two idle connections and a listener exist.
    client.close();
    host_until(loop, [&] { return server.connections() == 0; });
  }

  TEST_CASE("a watcher of a descriptor that is already ready is called") {
    Loop loop;
    check_falls_silent(loop);
    int pair[2];
    REQUIRE(pipe(pair) == 0);
    REQUIRE(write(pair[1], "x", 1) == 1);
    {
      bool called = false;
      auto watcher = Watcher::create(loop, pair[0], Interest::readable, [&](Ready) {
        char byte;
        called = read(pair[0], &byte, 1) == 1;
      });
      REQUIRE(watcher);
      host_until(loop, [&] { return called; });
      check_falls_silent(loop);
    }
    close(pair[0]);
    close(pair[1]);
  }

  TEST_CASE("functions on the thread pool and lookups of names end") {
    Loop loop;
    check_falls_silent(loop);
    bool worked = false, found = false;
    const auto work = Work::run(
        loop, [] {}, [&] { worked = true; });
    const auto lookup = Lookup::start(loop, "localhost:80", [&](const auto&) { found = true; });
    host_until(loop, [&] { return worked && found; });
    check_falls_silent(loop);
  }

  TEST_CASE("work that an exception left is served without waiting") {
    Loop loop;
    int done = 0;
    loop.post([] { throw std::runtime_error("first"); });
    loop.post([&] { ++done; });
    CHECK(has_work(loop));
    CHECK_THROWS_WITH(loop.poll(), "first");
    CHECK(has_work(loop));
    host_until(loop, [&] { return done == 1; });
    check_falls_silent(loop);
  }

  TEST_CASE("the timeout includes libuv handles that the program adds") {
    Loop loop;
    check_falls_silent(loop);
    uv_timer_t timer;
    uv_timer_init(&loop.native(), &timer);
    bool fired = false;
    timer.data = &fired;
    uv_timer_start(
        &timer, [](uv_timer_t* own) { *static_cast<bool*>(own->data) = true; }, 5, 0);
    CHECK(loop.timeout() <= Duration(5ms));
    host_until(loop, [&] { return fired; });
    CHECK(loop.timeout() == Duration::max());
    bool closed = false;
    timer.data = &closed;
    uv_close(reinterpret_cast<uv_handle_t*>(&timer),
             [](uv_handle_t* own) { *static_cast<bool*>(own->data) = true; });
    CHECK(loop.timeout() == Duration(0s));
    host_until(loop, [&] { return closed; });
    check_falls_silent(loop);
  }

  TEST_CASE("poll() returns false when nothing is left to wait for") {
    Loop loop;
    (void)loop.fd();
    std::optional<Timer> timer = Timer::after(loop, 1h, [] {});
    CHECK(loop.poll());
    timer.reset();
    CHECK_FALSE(loop.poll());
  }
}
