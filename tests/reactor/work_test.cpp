#include "reactor/work.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/run_until.hpp"

using reactor::Loop;
using reactor::Work;

namespace {

/// Lets a test decide when a function on the pool continues.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_open_; });
  }
  void wait_until_reached() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool is_open_ = false;
};

}  // namespace

TEST_SUITE("work") {
  TEST_CASE("a function runs on another thread, and its result arrives on the loop's thread") {
    Loop loop;
    std::thread::id worker;
    std::string result;
    const auto work = Work::run(
        loop,
        [&worker, input = std::make_unique<int>(42)] {
          worker = std::this_thread::get_id();
          return std::make_unique<std::string>(std::to_string(*input));
        },
        [&](std::unique_ptr<std::string> text) {
          CHECK(std::this_thread::get_id() != worker);
          result = *text;
        });
    loop.run();
    CHECK(worker != std::thread::id());
    CHECK(worker != std::this_thread::get_id());
    CHECK(result == "42");
  }

  TEST_CASE("a function may return nothing") {
    Loop loop;
    std::atomic<bool> ran = false;
    bool told = false;
    const auto work = Work::run(
        loop, [&] { ran = true; }, [&] { told = true; });
    loop.run();
    CHECK(ran);
    CHECK(told);
  }

  TEST_CASE("the loop serves other handles while the pool works") {
    Loop loop;
    Gate gate;
    bool told = false;
    const auto work = Work::run(
        loop, [&] { gate.pass(); }, [&] { told = true; });
    int ticks = 0;
    const auto timer = reactor::Timer::every(loop, std::chrono::milliseconds(1), [&] { ++ticks; });
    run_until(loop, [&] { return ticks == 5; });
    CHECK_FALSE(told);
    gate.open();
    run_until(loop, [&] { return told; });
  }

  TEST_CASE("an exception of a function leaves run(), and the loop can run again") {
    Loop loop;
    bool told = false;
    const auto work = Work::run(
        loop, []() -> int { throw std::runtime_error("no disk"); }, [&](int) { told = true; });
    CHECK_THROWS_WITH_AS(loop.run(), "no disk", std::runtime_error);
    CHECK_FALSE(told);
    loop.run();
  }

  TEST_CASE("destroyed work does not call back, before, while or after its function runs") {
    Loop loop;
    int calls = 0;
    Gate gate;
    {
      const auto running = Work::run(
          loop, [&] { gate.pass(); }, [&] { ++calls; });
      gate.wait_until_reached();
    }
    gate.open();
    auto done = std::make_shared<Gate>();
    std::optional<Work> finished = Work::run(
        loop, [done] { done->open(); }, [&] { ++calls; });
    done->pass();
    finished.reset();
    std::optional<Work> self;
    std::optional<Work> other = Work::run(
        loop, [] {}, [&] { ++calls; });
    self = Work::run(
        loop, [] {},
        [&, kept = std::make_unique<int>(7)] {
          self.reset();
          CHECK(*kept == 7);
        });
    other.reset();
    loop.run();
    CHECK(calls == 0);
    CHECK_FALSE(self);
  }

  TEST_CASE("a function that has not begun is not called after its work is destroyed") {
    Loop loop;
    Gate gate;
    std::atomic<int> begun = 0;
    std::vector<Work> blocking;
    for (int i = 0; i < 4; ++i) {
      blocking.push_back(Work::run(
          loop,
          [&] {
            ++begun;
            gate.pass();
          },
          [] {}));
    }
    while (begun < 4) std::this_thread::yield();
    (void)Work::run(
        loop, [&] { ++begun; }, [] {});
    gate.open();
    loop.run();
    CHECK(begun == 4);
  }

  TEST_CASE("the captures of a function live until it returns, and then the loop destroys them") {
    auto owned = std::make_shared<int>(1);
    Gate gate;
    {
      Loop loop;
      {
        const auto work = Work::run(
            loop,
            [owned, &gate] {
              gate.pass();
              CHECK(*owned == 1);
            },
            [] {});
        gate.wait_until_reached();
      }
      CHECK(owned.use_count() == 2);
      gate.open();
    }
    CHECK(owned.use_count() == 1);
  }

  TEST_CASE("run() does not wait for a function whose work is destroyed") {
    Gate gate;
    {
      Loop loop;
      {
        const auto work = Work::run(
            loop, [&] { gate.pass(); }, [] {});
        gate.wait_until_reached();
      }
      loop.run();
      gate.open();
    }
  }

  TEST_CASE(
      "Work in an application's own libuv loop behaves the same, also after the end of the Loop") {
    uv_loop_t application;
    REQUIRE(uv_loop_init(&application) == 0);
    Gate gate;
    int told = 0;
    {
      Loop loop(application);
      const auto work = Work::run(
          loop, [] { return 1; }, [&](int one) { told += one; });
      uv_run(&application, UV_RUN_DEFAULT);
      CHECK(told == 1);
      const auto abandoned = Work::run(
          loop, [&] { gate.pass(); }, [&] { ++told; });
      gate.wait_until_reached();
    }
    gate.open();
    uv_run(&application, UV_RUN_DEFAULT);
    CHECK(told == 1);
    CHECK(uv_loop_close(&application) == 0);
  }
}
