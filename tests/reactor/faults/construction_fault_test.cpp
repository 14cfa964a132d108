// If any call fails while a Loop, a LoopPool or a Process is made, nothing is left behind.
#include <dirent.h>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <uv.h>

#include <atomic>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <system_error>

#include "faulty_platform.hpp"
#include "reactor/loop.hpp"
#include "reactor/loop_pool.hpp"
#include "reactor/process.hpp"
#include "reactor/signal.hpp"
#include "reactor/timer.hpp"
#include "support/allocations.hpp"
#include "support/loop_modes.hpp"
#include "support/platform.hpp"
#include "support/run_until.hpp"

using reactor::Loop;
using reactor::LoopPool;
using reactor::Process;
using reactor::Signal;

namespace {

int entries(const char* folder) {
  DIR* const listing = opendir(folder);
  REQUIRE(listing);
  int count = 0;
  while (readdir(listing)) ++count;
  closedir(listing);
  return count;
}

int descriptors() { return entries("/proc/self/fd"); }
int threads() { return entries("/proc/self/task"); }

bool has_children() {
  siginfo_t child{};
  return waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0;
}

enum class Outcome { made, failed };

// Lets the first call fail, then the second and so on, then each allocation, until a run reaches no
// further one. `make` makes and destroys; `wait_for_the_end` waits for what ends later. A Stream
// that cannot be watched reports that by its on_close, so an object with a stream may be made
// nevertheless.
void fail_each(const std::function<Outcome()>& make, const std::function<void()>& wait_for_the_end,
               bool streams_report_later = false) {
  CHECK(make() == Outcome::made);  // Makes what exists once for each process.
  wait_for_the_end();
  const int descriptors_before = descriptors(), threads_before = threads();
  const auto check = [&](Outcome outcome, bool has_failed) {
    wait_for_the_end();
    if (!streams_report_later || outcome == Outcome::failed) {
      CHECK(outcome == (has_failed ? Outcome::failed : Outcome::made));
    }
    CHECK(descriptors() == descriptors_before);
    CHECK(threads() <= threads_before);
    CHECK_FALSE(has_children());
  };
  const auto attempt = [&] {
    try {
      return make();
    } catch (const std::system_error&) {
      return Outcome::failed;
    } catch (const std::bad_alloc&) {
      return Outcome::failed;
    }
  };

  for (unsigned n = 1;; ++n) {
    CAPTURE(n);
    faulty::fail_nth(n);
    const Outcome outcome = attempt();
    const bool failed = faulty::has_failed();
    faulty::fail_nth(0);
    check(outcome, failed);
    if (!failed) break;
    REQUIRE(n < 1000);
  }
  for (std::size_t n = 1; allocations::fail_nth(n); ++n) {
    CAPTURE(n);
    const std::ptrdiff_t live_before = allocations::live_bytes();
    const Outcome outcome = attempt();
    const bool failed = allocations::has_failed();
    allocations::fail_nth(0);
    check(outcome, failed);
    if (!failed) break;
    // Containers of a loop that still lives may have grown.
    CHECK(allocations::live_bytes() - live_before < 4096);
    REQUIRE(n < 1000);
  }
}

}  // namespace

TEST_SUITE("construction_faults") {
  TEST_CASE("a Loop that cannot be made leaves nothing behind") {
    fail_each(
        [] {
          const Loop loop;
          return Outcome::made;
        },
        [] {});
  }

  TEST_CASE("an embedded loop that cannot be made leaves nothing in the application's loop") {
    uv_loop_t application;
    REQUIRE(uv_loop_init(&application) == 0);
    fail_each(
        [&] {
          const Loop loop(application);
          return Outcome::made;
        },
        [&] { uv_run(&application, UV_RUN_DEFAULT); });
    CHECK(uv_loop_close(&application) == 0);
  }

  TEST_CASE("a LoopPool that cannot run leaves no thread, and serves on no thread") {
    fail_each(
        [] {
          LoopPool pool(4);
          std::atomic<int> served = 0;
          try {
            pool.run([&](Loop&, std::size_t) { ++served; });
          } catch (...) {
            CHECK(served == 0);
            throw;
          }
          CHECK(served == 4);
          return Outcome::made;
        },
        [] {});
  }

  TEST_CASE_TEMPLATE("a Process that cannot be started leaves no child, no stream and no handle",
                     LoopMode, Standalone, Embedded) {
    if (on_portable_platform()) {
      MESSAGE("skipped: libuv ends a child of fork() for which there are no descriptors");
      return;
    }
    LoopMode mode;
    Loop& loop = mode.loop;
    std::optional<reactor::Result<Process>> process;  // Destroyed when no call fails any more.
    fail_each(
        [&] {
          process = Process::start(loop,
                                   {.program = "cat",
                                    .input = reactor::Standard::stream,
                                    .output = reactor::Standard::stream,
                                    .errors = reactor::Standard::stream},
                                   [](reactor::ProcessEnd) {});
          return *process ? Outcome::made : Outcome::failed;
        },
        [&] {
          process.reset();
          run_until(loop, [&] {
            loop.poll();
            return !has_children();
          });
        },
        true);
  }

  TEST_CASE_TEMPLATE("a Signal that cannot be made leaves nothing behind", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    const auto first = Signal::create(loop, SIGUSR2, [] {});
    for (std::size_t n = 1; allocations::fail_nth(n); ++n) {
      bool failed = false;
      try {
        const auto signal = Signal::create(loop, SIGUSR1, [] {});
        failed = !signal;
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      const bool injected = allocations::has_failed();
      allocations::fail_nth(0);
      CHECK(failed == injected);
      if (!injected) break;
      REQUIRE(n < 100);
    }
  }
}
