#include "reactor/coroutine/child_process.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::ChildProcess;
using reactor::Connection;
using reactor::Loop;
using reactor::ProcessEnd;
using reactor::Standard;
using reactor::Task;

TEST_SUITE("child process by coroutine") {
  TEST_CASE("a program that does not exist is an error") {
    Loop loop;
    CHECK_FALSE(ChildProcess::start(loop, {.program = "/nonexistent"}));
  }

  TEST_CASE("a task reads the output of a child, and waits for its end, any number of times") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      ChildProcess child = ok(ChildProcess::start(
          on,
          {.program = "sh", .arguments = {"-c", "echo out; exit 3"}, .output = Standard::stream}));
      Connection output(child.process().output());
      std::string received;
      for (;;) {
        const auto bytes = co_await output.read();
        if (!bytes || bytes->empty()) break;
        received += text(*bytes);
      }
      CHECK(received == "out\n");
      for (int i = 0; i < 2; ++i) CHECK((co_await child.end())->status == 3);
    }(loop));
  }

  TEST_CASE("a child that takes too long is killed with its task") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      ChildProcess child = ok(ChildProcess::start(on, {.program = "sleep", .arguments = {"60"}}));
      CHECK_FALSE(co_await reactor::within(1ms, child.end()));
      child.process().kill(SIGTERM);
      CHECK((co_await child.end())->signal == SIGTERM);
    }(loop));
  }
}
