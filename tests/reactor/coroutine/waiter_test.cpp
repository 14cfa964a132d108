#include "reactor/coroutine/waiter.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "reactor/timer.hpp"
#include "support/coroutine.hpp"

using namespace std::chrono_literals;
using reactor::Callback;
using reactor::Loop;
using reactor::Task;
using reactor::Timer;

namespace {

// An awaitable of a user: the next value that is put in.
class Mailbox {
 public:
  struct Next {
    [[nodiscard]] bool await_ready() const { return box.value.has_value(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> task) {
      box.waiter.wait(task);
    }
    int await_resume() const { return *std::exchange(box.value, std::nullopt); }
    ~Next() { box.waiter = {}; }

    Mailbox& box;
  };

  void put(int next) {
    value = next;
    waiter.resume();
  }
  Next next() { return Next{*this}; }

  std::optional<int> value;
  reactor::Waiter waiter;
};

Task<> sum_of(Mailbox& box, int count, int& sum) {
  for (int i = 0; i < count; ++i) sum += co_await box.next();
}

}  // namespace

TEST_SUITE("waiter") {
  TEST_CASE("a waiter that no task waits with ignores resume()") {
    reactor::Waiter waiter;
    CHECK_FALSE(waiter.waits());
    waiter.resume();
  }

  TEST_CASE("an awaitable of a user resumes its task in place, and may be ready at once") {
    Loop loop;
    Mailbox box;
    int sum = 0;
    reactor::Nursery nursery(loop);
    nursery.start(sum_of(box, 3, sum));
    CHECK(box.waiter.waits());
    box.put(1);
    CHECK(sum == 1);
    box.put(2);
    CHECK(sum == 3);
  }

  TEST_CASE("a task that is resumed by a task of its own tree continues after that one") {
    Loop loop;
    Mailbox box;
    std::vector<std::string> log;
    run_task(loop, [](Loop& on, Mailbox& to, std::vector<std::string>& out) -> Task<> {
      co_await reactor::all(
          [](Mailbox& from, std::vector<std::string>& mine) -> Task<> {
            (void)co_await from.next();
            mine.emplace_back("received");
          }(to, out),
          [](Loop& of, Mailbox& target, std::vector<std::string>& mine) -> Task<> {
            target.put(1);
            mine.emplace_back("sent");
            co_await reactor::sleep(of, 0ms);
          }(on, to, out));
    }(loop, box, log));
    CHECK(log == std::vector<std::string>{"sent", "received"});
  }

  TEST_CASE("a callback that a handle calls once can be awaited, and is cancelled with its task") {
    Loop loop;
    const auto later = [](Loop& on) {
      return reactor::await_callback<int>([&on](Callback<void(int)> done) {
        return Timer::after(on, 1ms, [done = std::move(done)]() mutable { done(5); });
      });
    };
    int value = 0;
    run_task(loop, [](Loop& on, auto await, int& out) -> Task<> {
      out = co_await await(on);
    }(loop, later, value));
    CHECK(value == 5);
    {
      reactor::Nursery nursery(loop);
      nursery.start([](Loop& on, auto await, int& out) -> Task<> { out = 1 + co_await await(on); }(
                                                           loop, later, value));
    }
    loop.run();
    CHECK(value == 5);
  }
}
