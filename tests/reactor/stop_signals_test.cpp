// These tests run in child processes: after a StopSignals existed, Ctrl-C does not end a process.
#include "reactor/stop_signals.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "reactor/server.hpp"
#include "support/child.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using reactor::Loop;
using reactor::StopSignals;

namespace {

void expect_in_child(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::_Exit(1);
}

void check_in_child(const std::function<void()>& body) {
  const ChildEnd end = in_child(body);
  CHECK_MESSAGE(end.succeeded(), end.printed);
}

}  // namespace

TEST_SUITE("stop_signals") {
  TEST_CASE("SIGINT and SIGTERM call back, each time") {
    check_in_child([] {
      Loop loop;
      int calls = 0;
      const auto stop = ok(StopSignals::create(loop, [&] { ++calls; }));
      int expected = 0;
      for (const int number : {SIGINT, SIGTERM, SIGINT}) {
        raise(number);
        ++expected;
        run_until(loop, [&] { return calls == expected; });
      }
    });
  }

  TEST_CASE("a server drains, and run() returns although the signals are still watched") {
    struct Silent {
      reactor::Stream& stream;
      void on_data(reactor::Stream::Bytes) {}
    };
    check_in_child([] {
      Loop loop;
      auto server = ok(reactor::Server<Silent>::listen(loop, "127.0.0.1:0"));
      const auto stop = ok(StopSignals::create(loop, [&] { server.drain(); }));
      raise(SIGTERM);
      loop.run();
    });
  }

  TEST_CASE("after the StopSignals is destroyed, the signals have no effect") {
    check_in_child([] {
      for (int time = 0; time < 2; ++time) {
        Loop loop;
        auto stop = std::optional(ok(StopSignals::create(loop, [] { std::_Exit(1); })));
        stop.reset();
        raise(SIGINT);
        raise(SIGTERM);
        loop.poll();
      }
    });
  }

  TEST_CASE("the callback may destroy the StopSignals, and throw") {
    check_in_child([] {
      Loop loop;
      std::optional<StopSignals> stop;
      int calls = 0;
      std::vector<int> captured(1000, 1);
      stop.emplace(ok(StopSignals::create(loop, [&calls, &stop, captured] {
        stop.reset();
        calls += captured.back();
        throw calls;
      })));
      raise(SIGINT);
      raise(SIGTERM);
      bool thrown = false;
      try {
        run_until(loop, [&] { return calls > 0; });
      } catch (int) {
        thrown = true;
      }
      expect_in_child(thrown, "the exception did not leave the loop");
      loop.poll();
      expect_in_child(calls == 1, "it was called after its end");
    });
  }

  TEST_CASE("a moved StopSignals calls back, and the one it replaces does not") {
    check_in_child([] {
      Loop loop;
      int calls = 0;
      auto stop = ok(StopSignals::create(loop, [] { std::_Exit(1); }));
      auto other = ok(StopSignals::create(loop, [&] { ++calls; }));
      stop = std::move(other);
      raise(SIGINT);
      run_until(loop, [&] { return calls == 1; });
    });
  }
}
