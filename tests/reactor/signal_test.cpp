#include "reactor/signal.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <csignal>
#include <optional>
#include <stdexcept>
#include <vector>

#include "support/run_until.hpp"

using reactor::Callback;
using reactor::Loop;
using reactor::Signal;

namespace {

Signal on_signal(Loop& loop, int number, Callback<void()> callback) {
  auto signal = Signal::create(loop, number, std::move(callback));
  if (!signal) FAIL(signal.error().message());
  return std::move(*signal);
}

bool does_its_default(int number) {
  struct sigaction action {};
  sigaction(number, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

}  // namespace

TEST_SUITE("signal") {
  TEST_CASE("a signal calls back on the loop, each time") {
    Loop loop;
    int calls = 0;
    const auto signal = on_signal(loop, SIGUSR1, [&] { ++calls; });
    CHECK(signal.number() == SIGUSR1);
    for (int i = 1; i <= 3; ++i) {
      raise(SIGUSR1);
      run_until(loop, [&] { return calls == i; });
    }
  }

  TEST_CASE("every handle of a signal is notified, and handles of other signals are not") {
    Loop loop, other_loop;
    int first = 0, second = 0, elsewhere = 0, others = 0;
    const auto signals = std::array{on_signal(loop, SIGUSR1, [&] { ++first; }),
                                    on_signal(loop, SIGUSR1, [&] { ++second; }),
                                    on_signal(other_loop, SIGUSR1, [&] { ++elsewhere; }),
                                    on_signal(loop, SIGUSR2, [&] { ++others; })};
    raise(SIGUSR1);
    run_until(loop, [&] { return first == 1 && second == 1; });
    run_until(other_loop, [&] { return elsewhere == 1; });
    CHECK(others == 0);
  }

  TEST_CASE("a burst of signals is reported at least once, and the last signal is not lost") {
    Loop loop;
    int calls = 0;
    const auto signal = on_signal(loop, SIGUSR1, [&] { ++calls; });
    for (int i = 0; i < 10'000; ++i) raise(SIGUSR1);
    run_until(loop, [&] { return calls > 0; });
    while (loop.poll() && calls < 10'000) {
    }
    const int after_the_storm = calls;
    raise(SIGUSR1);
    run_until(loop, [&] { return calls > after_the_storm; });
  }

  TEST_CASE(
      "a destroyed Signal does not call back, even if a signal has arrived or its callback is "
      "due") {
    Loop loop;
    int calls = 0;
    std::optional<Signal> self, other;
    // Keeps the default action from ending the test process.
    const auto last = on_signal(loop, SIGUSR1, [] {});
    other = on_signal(loop, SIGUSR1, [&] { ++calls; });
    raise(SIGUSR1);
    other.reset();
    loop.poll();

    self = on_signal(loop, SIGUSR1, [&, kept = std::vector{7}] {
      ++calls;
      self.reset();
      other.reset();
      CHECK(kept[0] == 7);
    });
    raise(SIGUSR1);
    run_until(loop, [&] { return calls == 1; });
    raise(SIGUSR1);
    bool told = false;
    const auto witness = on_signal(loop, SIGUSR1, [&] { told = true; });
    raise(SIGUSR1);
    run_until(loop, [&] { return told; });
    CHECK(calls == 1);
  }

  TEST_CASE("if two handles destroy each other, one of them is called") {
    Loop loop;
    int calls = 0;
    std::optional<Signal> left, right;
    left = on_signal(loop, SIGUSR1, [&] { ++calls, right.reset(); });
    right = on_signal(loop, SIGUSR1, [&] { ++calls, left.reset(); });
    raise(SIGUSR1);
    run_until(loop, [&] { return calls == 1; });
    loop.poll();
    CHECK(calls == 1);
  }

  TEST_CASE("after its last handle is destroyed, a signal has its default action again") {
    Loop loop;
    CHECK(does_its_default(SIGUSR2));
    {
      const auto first = on_signal(loop, SIGUSR2, [] {});
      const auto second = on_signal(loop, SIGUSR2, [] {});
      CHECK_FALSE(does_its_default(SIGUSR2));
    }
    CHECK(does_its_default(SIGUSR2));
  }

  TEST_CASE("a signal does not keep the loop running") {
    Loop loop;
    const auto signal = on_signal(loop, SIGUSR1, [] {});
    loop.run();
  }

  TEST_CASE("an exception of the callback leaves run()") {
    Loop loop;
    const auto signal = on_signal(loop, SIGUSR1, [] { throw std::runtime_error("enough"); });
    raise(SIGUSR1);
    CHECK_THROWS_WITH_AS(loop.run_forever(), "enough", std::runtime_error);
  }

  TEST_CASE("a number that is no signal, or a signal that cannot be caught, is refused") {
    Loop loop;
    for (int number : {0, -1, 1000, SIGKILL, SIGSTOP}) {
      CAPTURE(number);
      const auto refused = Signal::create(loop, number, [] {});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().message() ==
            "watch signal " + std::to_string(number) + ": invalid argument");
    }
  }

  TEST_CASE(
      "a Signal in an application's own libuv loop calls back, and does not keep that loop "
      "running") {
    uv_loop_t application;
    REQUIRE(uv_loop_init(&application) == 0);
    int calls = 0;
    {
      Loop loop(application);
      const auto signal = on_signal(loop, SIGUSR1, [&] { ++calls; });
      raise(SIGUSR1);
      run_until(loop, [&] { return calls == 1; });
      CHECK(uv_run(&application, UV_RUN_DEFAULT) == 0);
    }
    uv_run(&application, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&application) == 0);
  }
}
