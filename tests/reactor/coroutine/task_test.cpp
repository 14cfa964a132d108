#include "reactor/coroutine/task.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/coroutine.hpp"
#include "support/stack_depth.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Nursery;
using reactor::Task;

namespace {

Task<int> deep(int levels) {
  if (levels == 0) co_return 0;
  co_return 1 + co_await deep(levels - 1);
}

Task<int> wait_deep(Loop& loop, int levels) {
  if (levels > 0) co_return 1 + co_await wait_deep(loop, levels - 1);
  co_await reactor::sleep(loop, 0ms);
  co_return 0;
}

Task<int> throw_deep(int levels) {
  if (levels == 0) throw std::runtime_error("from below");
  co_return 1 + co_await throw_deep(levels - 1);
}

Task<int> note(StackDepth& stack) {
  stack.note();
  co_return 1;
}

Task<> note_a_million(StackDepth& stack, int& sum) {
  for (int i = 0; i < 1'000'000; ++i) sum += co_await note(stack);
}

Task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }

Task<> append(std::vector<std::string>& log, std::string name, Witness) {
  log.push_back(name);
  co_return;
}

constexpr int levels = 100'000;

}  // namespace

TEST_SUITE("task") {
  TEST_CASE("a task that nothing awaits never begins, and is destroyed with its parameters") {
    bool destroyed = false;
    std::vector<std::string> log;
    {
      Task<> task = append(log, "begun", Witness(destroyed));
      CHECK_FALSE(destroyed);
      Task<> moved = std::move(task);
      moved = append(log, "begun", Witness(destroyed));
      CHECK(destroyed);
    }
    CHECK(log.empty());
  }

  TEST_CASE("co_await runs a task and returns its value, which may be only movable") {
    Loop loop;
    int value = 0;
    run_task(loop, [](int& out) -> Task<> { out = *co_await boxed(7); }(value));
    CHECK(value == 7);
  }

  TEST_CASE("an awaited task is destroyed at the end of the expression that awaits it") {
    Loop loop;
    std::vector<std::string> log;
    run_task(loop, [](std::vector<std::string>& out) -> Task<> {
      bool destroyed = false;
      co_await append(out, "first", Witness(destroyed));
      out.emplace_back(destroyed ? "destroyed" : "still there");
    }(log));
    CHECK(log == std::vector<std::string>{"first", "destroyed"});
  }

  TEST_CASE(
      "a task may be destroyed by the one that it resumes: its end is the last thing it does") {
    Loop loop;
    int value = 0;
    run_task(loop, [](Loop& on, int& out) -> Task<> {
      std::optional<Task<int>> child(wait_deep(on, 3));
      out = co_await std::move(*child);
      child.reset();
      std::vector<Task<int>> children;
      children.push_back(wait_deep(on, 2));
      auto first = std::move(children.front());
      out += co_await std::move(first);
      children.clear();
    }(loop, value));
    CHECK(value == 5);
  }

  TEST_CASE("an exception comes out of each co_await, through 100,000 levels") {
    Loop loop;
    std::string caught;
    run_task(loop, [](std::string& out) -> Task<> {
      try {
        co_await throw_deep(levels);
      } catch (const std::runtime_error& error) {
        out = error.what();
      }
    }(caught));
    CHECK(caught == "from below");
  }

  TEST_CASE("recursion may be 100,000 levels deep, also over a wait at the bottom") {
    Loop loop;
    int sum = 0;
    run_task(loop, [](Loop& on, int& out) -> Task<> {
      out = co_await deep(levels);
      out += co_await wait_deep(on, levels);
    }(loop, sum));
    CHECK(sum == 2 * levels);
  }

  TEST_CASE("a task that waits 100,000 levels deep is destroyed without recursion") {
    Loop loop;
    bool finished = false;
    {
      Nursery nursery(loop);
      nursery.start([](Loop& on, bool& out) -> Task<> {
        co_await wait_deep(on, levels);
        out = true;
      }(loop, finished));
      CHECK(nursery.size() == 1);
    }
    poll_some(loop);
    CHECK_FALSE(finished);
  }

  TEST_CASE("a million awaits that complete at once do not grow the stack") {
    Loop loop;
    StackDepth stack;
    int sum = 0;
    run_task(loop, note_a_million(stack, sum));
    CHECK(sum == 1'000'000);
    CHECK(stack.bytes() == 0);
  }

  TEST_CASE("a task that is resumed in another thread than its loop asserts") {
#ifndef NDEBUG
    if (below_thread_sanitizer) {
      MESSAGE("skipped: ThreadSanitizer does not fork a process with threads");
      return;
    }
    const ChildEnd end = in_child([] {
      signal(SIGABRT, SIG_DFL);
      Loop loop;
      Nursery nursery(loop);
      std::promise<void> running;
      std::thread other([&] {
        loop.post([&] { running.set_value(); });
        loop.run_forever();
      });
      running.get_future().wait();
      nursery.start([](Loop& on) -> Task<> { co_await reactor::sleep(on, 1ms); }(loop));
      other.join();
    });
    CHECK(end.aborted());
    CHECK(end.printed.find("a task is resumed on its loop's thread") != std::string::npos);
#endif
  }
}
