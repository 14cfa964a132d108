#include "reactor/coroutine/signals.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <memory>
#include <optional>

#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Signals;
using reactor::Task;

TEST_SUITE("signals by coroutine") {
  TEST_CASE("a signal that cannot be caught is an error") {
    Loop loop;
    CHECK_FALSE(Signals::create(loop, SIGKILL));
  }

  TEST_CASE("a signal is awaited; one that comes while no task waits is kept, once") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      Signals signals = ok(Signals::create(on, SIGUSR1));
      const auto late = co_await reactor::within(0ms, signals.next());
      CHECK_FALSE(late);
      for (int i = 0; i < 2; ++i) raise(SIGUSR1);
      co_await reactor::sleep(on, 1ms);
      CHECK((co_await signals.next()) == SIGUSR1);
      CHECK_FALSE(co_await reactor::within(0ms, signals.next()));
    }(loop));
  }

  TEST_CASE("what waits for Signals that are destroyed is cancelled") {
    Loop loop;
    std::optional<Signals> signals(ok(Signals::create(loop, SIGUSR1)));
    bool cancelled = false;
    reactor::Nursery nursery(loop);
    nursery.start([](Signals& of, bool& out) -> Task<> {
      const auto none = co_await of.next();
      out = !none && none.error().code == std::errc::operation_canceled;
    }(*signals, cancelled));
    signals.reset();
    loop.run();
    CHECK(cancelled);
  }
}
