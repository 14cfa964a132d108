#include "reactor/coroutine/all.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/coroutine.hpp"

using namespace std::chrono_literals;
using reactor::all;
using reactor::any;
using reactor::Loop;
using reactor::Task;

namespace {

using Log = std::vector<std::string>;

Task<std::string> after(Loop& loop, reactor::Duration delay, std::string value, Log& log,
                        bool* destroyed = nullptr) {
  struct Mark {
    ~Mark() {
      if (destroyed) *destroyed = true;
    }
    bool* destroyed;
  };
  const Mark mark{destroyed};
  log.push_back("begin " + value);
  co_await reactor::sleep(loop, delay);
  log.push_back("end " + value);
  co_return value;
}

Task<std::unique_ptr<int>> at_once(int value) { co_return std::make_unique<int>(value); }

Task<int> raise_after(Loop& loop, reactor::Duration delay, std::string what) {
  if (delay > 0ms) co_await reactor::sleep(loop, delay);
  throw std::runtime_error(what);
}

}  // namespace

TEST_SUITE("all") {
  TEST_CASE("the first exception destroys the others where they wait, and comes out") {
    Loop loop;
    Log log;
    run_task(loop, [](Loop& on, Log& out) -> Task<> {
      bool destroyed = false;
      try {
        co_await all(after(on, 1h, "slow", out, &destroyed), raise_after(on, 1ms, "first"),
                     raise_after(on, 1h, "second"));
      } catch (const std::runtime_error& error) {
        out.emplace_back(error.what());
      }
      CHECK(destroyed);
    }(loop, log));
    CHECK(log == Log{"begin slow", "first"});
    loop.run();  // Nothing is left.
  }

  TEST_CASE("after an exception that comes at once, the others do not begin") {
    Loop loop;
    Log log;
    run_task(loop, [](Loop& on, Log& out) -> Task<> {
      CHECK_THROWS(co_await all(raise_after(on, 0ms, "at once"), after(on, 0ms, "never", out)));
    }(loop, log));
    CHECK(log.empty());
  }

  TEST_CASE("all values come in the order of the arguments, whichever ends first") {
    Loop loop;
    Log log;
    run_task(loop, [](Loop& on, Log& out) -> Task<> {
      auto [slow, boxed, nothing, fast] =
          co_await all(after(on, 100ms, "slow", out), at_once(3), reactor::sleep(on, 0ms),
                       after(on, 0ms, "fast", out));
      CHECK(slow == "slow");
      CHECK(*boxed == 3);
      CHECK(fast == "fast");
      (void)nothing;
      co_await all();
    }(loop, log));
    CHECK(log == Log{"begin slow", "begin fast", "end fast", "end slow"});
  }

  TEST_CASE("the first that ends is returned with its place, and the others are destroyed") {
    Loop loop;
    Log log;
    run_task(loop, [](Loop& on, Log& out) -> Task<> {
      bool destroyed = false;
      const auto first = co_await any(after(on, 1h, "slow", out, &destroyed),
                                      after(on, 1ms, "fast", out), raise_after(on, 1h, "never"));
      CHECK(first.index() == 1);
      CHECK(std::get<1>(first) == "fast");
      CHECK(destroyed);
    }(loop, log));
    CHECK(log == Log{"begin slow", "begin fast", "end fast"});
    loop.run();
  }

  TEST_CASE("once one has ended at once, those behind it do not begin") {
    Loop loop;
    Log log;
    run_task(loop, [](Loop& on, Log& out) -> Task<> {
      const auto first = co_await any(after(on, 1h, "waits", out), at_once(5), at_once(6),
                                      after(on, 0ms, "never", out));
      CHECK(first.index() == 1);
    }(loop, log));
    CHECK(log == Log{"begin waits"});
  }

  TEST_CASE("the exception of the first comes out of any") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      CHECK_THROWS(co_await any(reactor::sleep(on, 1h), raise_after(on, 1ms, "first")));
    }(loop));
  }

  TEST_CASE("groups may be inside each other, and a limit may end all of them") {
    Loop loop;
    Log log;
    run_task(loop, [](Loop& on, Log& out) -> Task<> {
      bool destroyed = false;
      const auto late = co_await reactor::within(
          1ms, all(any(after(on, 1h, "a", out, &destroyed), reactor::sleep(on, 1h)),
                   all(after(on, 0ms, "b", out), after(on, 0ms, "c", out))));
      CHECK_FALSE(late);
      CHECK(destroyed);
    }(loop, log));
  }

  TEST_CASE("the nursery of a group may be destroyed by one of the group") {
    Loop loop;
    Log log;
    auto nursery = std::make_unique<reactor::Nursery>(loop);
    bool destroyed = false;
    nursery->start(
        [](Loop& on, std::unique_ptr<reactor::Nursery>& owner, Log& out, bool& mark) -> Task<> {
          std::string local = "local variables still exist";
          co_await all(after(on, 1h, "slow", out, &mark),
                       [](Loop& of, std::unique_ptr<reactor::Nursery>& mine, Log& to,
                          std::string& outer) -> Task<> {
                         co_await reactor::sleep(of, 1ms);
                         mine.reset();
                         to.push_back(outer);
                         co_await reactor::sleep(of, 1ms);
                         to.emplace_back("never");
                       }(on, owner, out, local));
        }(loop, nursery, log, destroyed));
    loop.run();
    CHECK(log == Log{"begin slow", "local variables still exist"});
    CHECK(destroyed);
  }
}
