// Durations of any length wherever one is taken: no overflow, and the longest means never.
#include "reactor/duration.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <limits>
#include <optional>

#include "reactor/datagram.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/resolver.hpp"
#include "reactor/server.hpp"
#include "reactor/socket.hpp"
#include "reactor/timer.hpp"
#include "reactor/udp_server.hpp"
#include "reactor/wait_any.hpp"
#include "support/loop_modes.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Duration;
using reactor::IdleTimeout;
using reactor::Loop;
using reactor::Timer;

namespace {

constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t shortest = std::numeric_limits<std::int64_t>::min();

// Calls `use` with extreme durations of each type; `never` is whether the duration is unlimited.
template <class Use>
void for_extremes(Use use) {
  const auto each = [&]<class Span>(Span) {
    constexpr auto most = Span::max().count();
    constexpr auto least = Span::min().count();
    for (const auto ticks : {most, most - 1, most / 2 + 1}) use(Span(ticks), true);
    for (const auto ticks : {least, least + 1}) use(Span(ticks), false);
    using Ticks = typename Span::rep;
    for (const Ticks ticks : {Ticks{-1}, Ticks{0}}) use(Span(ticks), false);
  };
  each(std::chrono::nanoseconds());
  each(std::chrono::microseconds());
  each(std::chrono::milliseconds());
  each(std::chrono::seconds());
  each(std::chrono::hours());
}

struct CountedSession {
  reactor::Stream& stream;
  int& closed;
  void on_data(reactor::Stream::Bytes) {}
  void on_close(const reactor::Error&) const { ++closed; }
};

struct UdpSession {
  reactor::UdpPeer& peer;
  void on_datagram(const reactor::Datagram&) {}
};

}  // namespace

TEST_SUITE("duration") {
  TEST_CASE(
      "a duration of any type is converted to nanoseconds, or to the longest or shortest "
      "duration") {
    CHECK(Duration().count() == 0);
    CHECK(Duration(3ms).count() == 3'000'000);
    CHECK(Duration(-2h).count() == -7'200'000'000'000);
    CHECK(Duration(std::chrono::nanoseconds::min()).count() == shortest);
    CHECK(Duration(std::chrono::nanoseconds::max()).count() == longest);
    CHECK(Duration(std::chrono::microseconds(longest / 1000)).count() == longest / 1000 * 1000);
    CHECK(Duration(std::chrono::microseconds(longest / 1000 + 1)).count() == longest);
    CHECK(Duration(std::chrono::microseconds(shortest / 1000)).count() == shortest / 1000 * 1000);
    CHECK(Duration(std::chrono::microseconds(shortest / 1000 - 1)).count() == shortest);
    CHECK(Duration(std::chrono::hours::max()).count() == longest);
    CHECK(Duration(std::chrono::years::min()).count() == shortest);
    using Unsigned = std::chrono::duration<std::uint64_t, std::micro>;
    CHECK(Duration(Unsigned::max()).count() == longest);
    static_assert(!std::is_constructible_v<Duration, std::chrono::duration<double>>);
    static_assert(!std::is_constructible_v<Duration, std::chrono::duration<int, std::pico>>);
  }

  TEST_CASE("a sum is limited to the longest and the shortest duration") {
    CHECK(reactor::saturating_sum(5, -7) == -2);
    CHECK(reactor::saturating_sum(longest - 1, 1) == longest);
    CHECK(reactor::saturating_sum(longest, 1) == longest);
    CHECK(reactor::saturating_sum(shortest, -1) == shortest);
    CHECK(reactor::saturating_sum(-1, shortest) == shortest);
    CHECK(reactor::saturating_sum(1, longest) == longest);
  }

  TEST_CASE_TEMPLATE("timers and idle timeouts of extreme length fire immediately or never",
                     LoopMode, Standalone, Embedded) {
    for_extremes([](auto span, bool never) {
      CAPTURE(span.count());
      LoopMode mode;
      Loop& loop = mode.loop;
      std::array<bool, 5> fired{};
      const auto after = Timer::after(loop, span, [&] { fired[0] = true; });
      const auto every = Timer::every(loop, span, [&] { fired[1] = true; });
      const IdleTimeout idle(loop, span, [&] { fired[2] = true; });
      Timer restarted(loop, [&] { fired[3] = true; });
      restarted.restart(span);
      IdleTimeout touched(loop, 1h, [&] { fired[4] = true; });
      touched.restart(span);
      touched.touch();
      bool guard_fired = false;
      const auto guard = Timer::after(loop, 1ms, [&] { guard_fired = true; });
      run_until(loop, [&] { return guard_fired; });
      for (int i = 0; i < 3; ++i) loop.poll();
      for (const bool one : fired) CHECK(one == !never);
    });
  }

  TEST_CASE("waits, lookups and spins of extreme length end immediately or by their event") {
    for_extremes([](auto span, bool never) {
      CAPTURE(span.count());
      Loop loop(reactor::LoopOptions{.spin = never ? Duration(1ms) : Duration(span)});
      loop.watch_slow_callbacks(span, [](const std::string&, std::chrono::nanoseconds) {});
      std::array<int, 2> ends{};
      REQUIRE(pipe(ends.data()) == 0);
      const std::array waits{reactor::WaitFor{ends[0], reactor::Interest::readable}};
      std::size_t ready = 0;
      bool ended = false;
      const auto wait = ok(reactor::wait_any(loop, waits, span, [&](auto descriptors) {
        ready = descriptors.size();
        ended = true;
      }));
      bool guard_fired = false;
      const auto guard = Timer::after(loop, 1ms, [&] { guard_fired = true; });
      run_until(loop, [&] { return guard_fired; });
      if (!never) run_until(loop, [&] { return ended; });
      CHECK(ended == !never);
      if (never) {
        REQUIRE(write(ends[1], "x", 1) == 1);
        run_until(loop, [&] { return ended; });
        CHECK(ready == 1);
      }
      bool resolved = false;
      const auto lookup = reactor::Lookup::start(loop, "127.0.0.1:80", {.timeout = span},
                                                 [&](const auto&) { resolved = true; });
      run_until(loop, [&] { return resolved; });
      close(ends[0]);
      close(ends[1]);
    });
  }

  TEST_CASE("a loop that spins for ever is woken by events") {
    Loop loop(reactor::LoopOptions{.spin = std::chrono::hours::max()});
    int calls = 0;
    const auto timer = Timer::after(loop, 1ms, [&] { ++calls; });
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE("servers accept unlimited durations, and refuse negative ones") {
    for_extremes([](auto span, bool never) {
      CAPTURE(span.count());
      Loop loop;
      int closed = 0;
      const auto listen = [&](reactor::ServerOptions options) {
        return reactor::Server<CountedSession>::listen(loop, "127.0.0.1:0", options,
                                                       [&](auto& stream) {
                                                         return CountedSession{stream, closed};
                                                       });
      };
      const auto bind = [&] {
        return reactor::UdpServer<UdpSession>::bind(loop, "127.0.0.1:0", {.idle_timeout = span});
      };
      if (span.count() < 0) {
        CHECK_FALSE(listen({.idle_timeout = span}));
        CHECK_FALSE(listen({.close_timeout = span}));
        CHECK_FALSE(bind());
        return;
      }
      auto server = ok(listen({.idle_timeout = span, .close_timeout = span}));
      auto client = ok(reactor::Stream::connect(loop, server.address()));
      client.on_data([](auto) {});
      client.on_end([] {});
      run_until(loop, [&] { return server.connections() == 1; });
      auto udp = ok(bind());
      auto sender = ok(reactor::DatagramSocket::connect(loop, udp.address()));
      CHECK(sender.send("hello") == reactor::WriteStatus::sent);
      run_until(loop, [&] { return udp.sessions() == 1; });

      server.drain(span);
      bool guard_fired = false;
      const auto guard = Timer::after(loop, 2ms, [&] { guard_fired = true; });
      run_until(loop, [&] { return guard_fired; });
      CHECK(udp.sessions() == 1);
      if (never) CHECK(closed == 0);
      if (!never) run_until(loop, [&] { return closed == 1; });
    });
  }

  TEST_CASE("a socket option limits a longer duration to what the kernel can count") {
    auto socket = ok(reactor::Socket::open(reactor::Family::ipv4, reactor::SocketType::stream));
    namespace option = reactor::option;
    CHECK_FALSE(socket.set(option::user_timeout, std::chrono::milliseconds(longest / 2 * -1)));
    CHECK_FALSE(socket.set(option::keep_alive_idle, std::chrono::seconds::max()));
    ok(socket.set(option::linger, std::chrono::seconds::max()));
    CHECK(ok(socket.get(option::linger)).value() > 10'000s);
    if (on_portable_platform()) {
      MESSAGE("skipped in part: the portable platform has no user_timeout");
      return;
    }
    ok(socket.set(option::user_timeout, std::chrono::milliseconds::max()));
    CHECK(ok(socket.get(option::user_timeout)) ==
          std::chrono::milliseconds(std::numeric_limits<int>::max()));
  }

  TEST_CASE("poll(2) waits at least as long as given, and without limit for the longest") {
    CHECK(poll_timeout(Duration::max()) == -1);
    CHECK(poll_timeout(std::chrono::hours::max()) == -1);
    CHECK(poll_timeout(-1s) == 0);
    CHECK(poll_timeout(0s) == 0);
    CHECK(poll_timeout(1ns) == 1);
    CHECK(poll_timeout(1ms) == 1);
    CHECK(poll_timeout(1ms + 1ns) == 2);
    CHECK(poll_timeout(24h * 365) == INT_MAX);
  }
}
